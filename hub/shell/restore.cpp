#include "hub/shell/restore.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>

#include "hub/shell/data_directory.hpp"
#include "hub/shell/files.hpp"
#include "hub/shell/member_links.hpp"
#include "hub/shell/snapshots.hpp"
#include "sdk/base/hash.hpp"
#include "sdk/base/random.hpp"

namespace belfry::hub::shell {

namespace {

constexpr size_t copy_bytes = 1024 * 1024;

// A new cluster has a new id: what one that lives on has written since the backup is not in this one.
Result<uint64_t> new_cluster_id(const settings::Settings& settings, const BackupFacts& facts) {
    const auto& cluster = settings.cluster;
    if (cluster.join) {
        return Error{Code::invalid_argument,
                     "restore: cluster.join is set, but a restored hub is the beginning of a new cluster; the members that "
                     "join it later start with empty directories"};
    }
    if (cluster.id == facts.cluster) {
        return Error{Code::invalid_argument,
                     "restore: cluster.id is that of the cluster the backup was taken from; the "
                     "restored one is another one. For instance: cluster.id = \"" +
                         hex64(random_u64()) + "\""};
    }
    if (cluster.id != 0) return cluster.id;
    if (cluster.members.size() < 2) return random_u64();
    return Error{Code::invalid_argument,
                 "restore: members that restore one backup together need one new cluster.id, the "
                 "same on each. For instance: cluster.id = \"" +
                     hex64(random_u64()) + "\""};
}

Status copy_snapshot(const std::string& file, const BackupFacts& facts, const std::string& snapshots_path) {
    const std::string part = snapshots_path + "/restored.part";
    std::ifstream from(file, std::ios::binary);
    const File to(part, O_WRONLY | O_CREAT | O_TRUNC);
    if (!to) return system_error("cannot create", part);
    Bytes buffer(copy_bytes, '\0');
    for (uint64_t left = facts.snapshot_bytes; left > 0; left -= buffer.size()) {
        buffer.resize(std::min<uint64_t>(copy_bytes, left));
        if (!from.read(buffer.data(), static_cast<std::streamsize>(buffer.size())))
            return system_error("cannot read", file);
        if (auto written = write_all(to.fd(), buffer, part); !written) return written;
    }
    if (::fsync(to.fd()) != 0) return system_error("cannot sync", part);
    Snapshots snapshots(snapshots_path);
    if (auto adopted = snapshots.adopt(part, Index{facts.index}); !adopted) return adopted;
    return snapshots.promote(Index{facts.index});
}

}  // namespace

Result<RestoredBackup> restore_backup(const std::string& file, const settings::Settings& settings) {
    const auto facts = check_backup(file);
    if (!facts) return facts.error();
    if (facts->store != settings.store.plugin) {
        return Error{Code::incompatible, "restore: the backup is of store plugin '" + facts->store +
                                             "', the settings say '" + settings.store.plugin + "'; set store.plugin = \"" +
                                             facts->store + "\""};
    }
    const auto cluster = new_cluster_id(settings, *facts);
    if (!cluster) return cluster.error();
    const auto keys = settings::own_keys(settings);
    if (!keys) return keys.error();
    const Index index{facts->index};
    raft::Entry members = raft::Raft::bootstrap_entry(initial_voters(settings, keys->public_key));
    members.index = index;
    members.term = {facts->term};
    const Identity identity{*cluster, settings.member.id, settings.store.plugin, settings.log.plugin, 0};
    const auto created = DataDirectory::create(
        settings.data_dir, identity, core::Boundary{index, {facts->term}, std::move(members)},
        [&](const std::string& snapshots_path) { return copy_snapshot(file, *facts, snapshots_path); });
    if (!created) return created.error();
    return RestoredBackup{*facts, *cluster};
}

}  // namespace belfry::hub::shell
