#include "hub/shell/migrate.hpp"

#include <bit>
#include <thread>

#include "hub/plugin/state_store.hpp"
#include "hub/shell/data_directory.hpp"
#include "hub/shell/image_channel.hpp"
#include "hub/shell/loaded_plugins.hpp"
#include "sdk/base/hash.hpp"
#include "sdk/plugin/state_image.hpp"

namespace belfry::hub::shell {

namespace {

using Store = std::unique_ptr<plugin::StateStore>;

class Migration {
public:
    Migration(const settings::Settings& settings, const std::vector<plugin::Plugin>& plugins, const belfry_host_v1& host,
              const MigrationProgress& progress)
        : settings_(settings), plugins_(plugins), host_(host), progress_(progress) {}

    // From the store in one folder into a new one in the other, which is empty.
    Result<MigratedStore> run(const std::string& from_path, const std::string& to, const std::string& to_path);

private:
    struct Content {
        Index applied;
        uint64_t pair_count = 0;
        uint64_t digest = 0;
        friend bool operator==(const Content&, const Content&) = default;
    };
    Result<Store> open(const std::string& name, const std::string& path, const plugin::Settings& settings);
    Status copy(plugin::StateStore& from, plugin::StateStore& to);
    Result<Content> content_of(plugin::StateStore& store, const char* step);

    const settings::Settings& settings_;
    const std::vector<plugin::Plugin>& plugins_;
    const belfry_host_v1& host_;
    const MigrationProgress& progress_;
};

Result<Store> Migration::open(const std::string& name, const std::string& path, const plugin::Settings& settings) {
    for (const auto& plugin : plugins_) {
        if (plugin.descriptor->name != name || plugin.state_store() == nullptr) continue;
        return plugin::StateStore::open(host_, *plugin.state_store(), name, path, settings);
    }
    return Error{Code::invalid_argument, "'" + name + "' is a plugin, but no state store"};
}

Status Migration::copy(plugin::StateStore& from, plugin::StateStore& to) {
    ImageChannel channel;
    std::thread writer([&] {
        bool first = true;
        const auto written = from.snapshot_write([&](BytesView part) -> Status {
            if (first && !part.starts_with(belfry::plugin::image::magic)) {
                return Error{Code::unsupported, from.name() + " writes images that only it can read (no portable image)"};
            }
            first = false;
            return channel.put(part);
        });
        channel.end(written ? Status{} : written.error());
    });
    uint64_t octets = 0;
    const Status read = to.snapshot_read([&](char* buffer, size_t capacity) -> Result<size_t> {
        const auto taken = channel.take(buffer, capacity);
        if (taken) progress_("copying", octets += *taken);
        return taken;
    });
    channel.abandon();
    writer.join();
    return read;
}

Result<Migration::Content> Migration::content_of(plugin::StateStore& store, const char* step) {
    const auto applied = store.applied_index();
    if (!applied) return applied.error();
    Content content{*applied, 0, applied->value};
    uint64_t octets = 0;
    for (uint32_t table = 0; table < BELFRY_TABLE_COUNT; ++table) {
        const auto fold = [&](BytesView part) { content.digest = std::rotl(content.digest, 1) * 31 + hash64(part); };
        const auto visit = [&](BytesView key, BytesView value) {
            fold(key);
            fold(value);
            ++content.pair_count;
            progress_(step, octets += key.size() + value.size());
            return true;
        };
        content.digest = std::rotl(content.digest, 1) + table;
        if (Status scanned = store.scan(table, {}, {}, plugin::StateStore::Direction::forward, visit); !scanned)
            return scanned.error();
    }
    return content;
}

Result<MigratedStore> Migration::run(const std::string& from_path, const std::string& to, const std::string& to_path) {
    auto source = open(settings_.store.plugin, from_path, settings_.store.settings);
    if (!source) return source.error();
    const auto before = (*source)->applied_index();
    if (!before) return before.error();
    auto target = open(to, to_path, {});
    if (!target) return target.error();
    if (*before == Index{}) return MigratedStore{{}, 0, 0, true};
    if (Status copied = copy(**source, **target); !copied) return copied.error();
    if ((*target)->can_sync()) {
        if (Status synced = (*target)->sync(); !synced) return synced.error();
    }
    target->reset();
    target = open(to, to_path, {});  // what another process will find
    if (!target) return target.error();
    const auto kept = (*target)->applied_index();
    if (!kept) return kept.error();
    if (*kept == Index{}) return MigratedStore{*before, 0, 0, true};
    const auto old_content = content_of(**source, "reading the old store");
    if (!old_content) return old_content.error();
    const auto new_content = content_of(**target, "comparing the new store");
    if (!new_content) return new_content.error();
    if (*old_content != *new_content) {
        return Error{Code::corrupt, to + " does not hold what " + settings_.store.plugin + " holds: digest " +
                                        hex64(new_content->digest) + " instead of " + hex64(old_content->digest) + ", " +
                                        std::to_string(new_content->pair_count) + " pairs instead of " +
                                        std::to_string(old_content->pair_count)};
    }
    return MigratedStore{new_content->applied, new_content->pair_count, new_content->digest, false};
}

}  // namespace

Result<MigratedStore> migrate_store(const settings::Settings& settings, const std::string& to,
                                    std::vector<plugin::Plugin>& plugins, const belfry_host_v1& host,
                                    const MigrationProgress& progress) {
    if (auto found = load_by_name(plugins, BELFRY_KIND_STATE_STORE, to, "--migrate-store", host); !found)
        return found.error();
    auto directory = DataDirectory::open_stopped(settings.data_dir, settings.store.plugin);
    if (!directory) return directory.error();
    if (to == settings.store.plugin) {
        return Error{Code::invalid_argument, "'" + settings.data_dir + "' is on " + to + " already"};
    }
    const auto doubtful = directory->state_is_doubtful();
    if (!doubtful) return doubtful.error();
    if (*doubtful) {
        return Error{Code::corrupt, "the machine went down while a hub ran on '" + settings.data_dir +
                                        "', its state must be rebuilt first: start belfryd on it once and stop it"};
    }
    const auto folder = directory->make_state_folder(to);
    if (!folder) return directory->remove_other_state(), folder.error();
    Migration migration(settings, plugins, host, progress);
    const auto migrated = migration.run(directory->state_path(), to, settings.data_dir + "/" + *folder);
    if (!migrated) {
        directory->remove_other_state();
        return migrated;
    }
    if (auto switched = directory->switch_state(to, *folder); !switched) return switched.error();
    return migrated;
}

}  // namespace belfry::hub::shell
