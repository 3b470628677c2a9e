#include "hub/shell/data_directory.hpp"

#include <cstring>
#include <filesystem>
#include <map>
#include <sstream>

#include "sdk/base/crc32c.hpp"
#include "sdk/base/random.hpp"

namespace belfry::hub::shell {

namespace {

constexpr uint64_t format = 1;                 // of the directory; a newer one is refused
constexpr const char* state_folder = "state";  // until the state is moved; then "state." and the store's name

std::string render(const Identity& identity) {
    std::ostringstream out;
    out << "format = " << format << "\nepoch = " << identity.epoch << "\nmember = " << identity.member
        << "\ndirectory = " << identity.directory << "\nstore = " << identity.store << "\nlog = " << identity.log << "\n";
    if (identity.state != state_folder) out << "state = " << identity.state << "\n";
    return out.str();
}

bool is_state_folder(const std::string& name) {
    return name == state_folder || (name.starts_with(std::string(state_folder) + ".") && name.find('/') == name.npos);
}

Result<Identity> parse_identity(const std::string& text, const std::string& path) {
    std::map<std::string, std::string> facts;
    std::istringstream lines(text);
    for (std::string name, equals, value; lines >> name >> equals >> value;) facts[name] = value;
    for (const char* name : {"format", "epoch", "member", "store", "log"}) {
        if (!facts.count(name))
            return Error{Code::corrupt, "'" + path + "' lacks '" + name + "'; restore it from a backup"};
    }
    if (facts["format"] != std::to_string(format)) {
        return Error{Code::incompatible, "'" + path + "' has format " + facts["format"] + ", this belfryd knows format " +
                                             std::to_string(format) + "; use the newer belfryd"};
    }
    const auto number = [&](const char* name) { return std::strtoull(facts[name].c_str(), nullptr, 10); };
    const std::string state = facts.count("state") ? facts["state"] : state_folder;
    if (!is_state_folder(state))
        return Error{Code::corrupt, "'" + path + "' names no folder of the state: '" + state + "'"};
    return Identity{number("epoch"), number("member"), facts["store"], facts["log"], 0, number("directory"), state};
}

Status refuse_other_plugin(const std::string& path, const char* seam, const std::string& made, const std::string& wanted) {
    if (made == wanted) return {};
    return Error{Code::incompatible, "data directory '" + path + "' was made with " + seam + " plugin '" + made +
                                         "', the settings say '" + wanted + "'; set " + seam + ".plugin = \"" + made +
                                         "\" or use another data_dir"};
}

Result<std::string> boot_id() {
    auto id = read_file("/proc/sys/kernel/random/boot_id");
    if (!id) return id.error();
    return *id;
}

}  // namespace

Result<DataDirectory> DataDirectory::open(const std::string& path, const Identity& wanted) {
    if (auto made = make_directory(path); !made) return made.error();
    auto lock = DirectoryLock::take(path);
    if (!lock) return lock.error();
    if (const auto fenced = read_file(path + "/fenced")) {
        return Error{Code::corrupt, "data directory '" + path + "' must not be used any more: " + *fenced};
    }
    Identity identity = wanted;
    identity.directory = random_u64();
    const std::string identity_path = path + "/identity";
    if (auto text = read_file(identity_path)) {
        auto parsed = parse_identity(*text, identity_path);
        if (!parsed) return parsed.error();
        const uint64_t made_here = identity.directory;
        identity = *parsed;
        if (identity.directory == 0) {  // from before directories had numbers
            identity.directory = made_here;
            if (auto written = write_file_durably(identity_path, render(identity)); !written) return written.error();
        }
        if (identity.member != wanted.member) {
            return Error{Code::incompatible,
                         "data directory '" + path + "' belongs to member " + std::to_string(identity.member) +
                             ", the settings say member.id = " + std::to_string(wanted.member) + "; correct one of them"};
        }
        if (wanted.cluster != 0 && identity.epoch != wanted.cluster) {
            return Error{Code::incompatible, "data directory '" + path +
                                                 "' belongs to another cluster than cluster.id says; "
                                                 "a member of an old cluster joins a new one with an empty directory"};
        }
        if (auto same = refuse_other_plugin(path, "store", identity.store, wanted.store); !same) return same.error();
        if (auto same = refuse_other_plugin(path, "log", identity.log, wanted.log); !same) return same.error();
    } else if (text.error().code != Code::not_found) {
        return text.error();
    } else if (auto written = write_file_durably(identity_path, render(identity)); !written) {
        return written.error();
    }
    DataDirectory directory(path, std::move(identity), std::move(*lock));
    for (const std::string& folder : {directory.log_path(), directory.state_path(), directory.snapshots_path()}) {
        if (auto made = make_directory(folder); !made) return made.error();
    }
    directory.remove_other_state();
    return directory;
}

Result<DataDirectory> DataDirectory::open_stopped(const std::string& path, const std::string& store) {
    const std::string identity_path = path + "/identity";
    const auto text = read_file(identity_path);
    if (!text && text.error().code == Code::not_found) {
        return Error{Code::not_found, "'" + path + "' is no data directory of a hub (no " + identity_path + ")"};
    }
    if (!text) return text.error();
    auto lock = DirectoryLock::take(path);
    if (!lock) return lock.error();
    if (const auto fenced = read_file(path + "/fenced")) {
        return Error{Code::corrupt, "data directory '" + path + "' must not be used any more: " + *fenced};
    }
    auto identity = parse_identity(*text, identity_path);
    if (!identity) return identity.error();
    if (identity->store != store) {
        return Error{Code::incompatible, "the state of '" + path + "' is in " + identity->store + ", not in " + store};
    }
    return DataDirectory(path, std::move(*identity), std::move(*lock));
}

Result<std::string> DataDirectory::make_state_folder(const std::string& store) const {
    remove_other_state();
    const std::string folder = std::string(state_folder) + "." + store;
    const std::string path = path_ + "/" + folder;
    if (std::error_code failed; std::filesystem::exists(path, failed)) {
        return Error{Code::conflict, "'" + path + "' is there already and is no hub's; move it away"};
    }
    if (auto noted = write_file_durably(path_ + "/moving", identity_.state + "\n" + folder + "\n"); !noted)
        return noted.error();
    if (auto made = make_directory(path); !made) return made.error();
    return folder;
}

Status DataDirectory::switch_state(const std::string& store, const std::string& folder) {
    if (auto synced = sync_directory(path_); !synced) return synced;
    Identity moved = identity_;
    moved.store = store;
    moved.state = folder;
    if (auto written = write_file_durably(path_ + "/identity", render(moved)); !written) return written;
    identity_ = std::move(moved);
    remove_other_state();
    return {};
}

// Of the two folders that the note names, the one that the identity does not. Nothing else is ever removed: people keep
// copies here. What cannot be removed now is no harm.
void DataDirectory::remove_other_state() const {
    const auto note = read_file(path_ + "/moving");
    if (!note) return;
    std::error_code failed;
    std::istringstream lines(*note);
    for (std::string folder; std::getline(lines, folder);) {
        if (is_state_folder(folder) && folder != identity_.state) std::filesystem::remove_all(path_ + "/" + folder, failed);
    }
    if (!failed) (void)remove_file_durably(path_ + "/moving");
}

Status DataDirectory::create(const std::string& path, const Identity& identity, const core::Boundary& boundary,
                             const std::function<Status(const std::string& snapshots_path)>& fill) {
    if (auto made = make_directory(path); !made) return made;
    auto lock = DirectoryLock::take(path);
    if (!lock) return lock.error();
    for (const std::string& name : list_names(path)) {
        if (name == "LOCK" || name == "lost+found") continue;
        return Error{Code::conflict, "data directory '" + path + "' is not empty: it holds '" + name +
                                         "'; give another directory, or empty it if nothing in it is needed"};
    }
    const Status fenced =
        write_file_durably(path + "/fenced", "a restore into it did not come to its end; empty it and restore again");
    if (!fenced) return fenced;
    Identity numbered = identity;
    numbered.directory = random_u64();
    const DataDirectory directory(path, std::move(numbered), std::move(*lock));
    for (const std::string& folder : {directory.log_path(), directory.state_path(), directory.snapshots_path()}) {
        if (auto made = make_directory(folder); !made) return made;
    }
    if (auto filled = fill(directory.snapshots_path()); !filled) return filled;
    if (auto kept = directory.keep_boundary(boundary); !kept) return kept;
    if (auto written = write_file_durably(path + "/identity", render(directory.identity())); !written) return written;
    return remove_file_durably(path + "/fenced");
}

Result<bool> DataDirectory::state_is_doubtful() const {
    const auto running = read_file(path_ + "/running");
    if (!running) return running.error().code == Code::not_found ? Result<bool>(false) : running.error();
    const auto boot = boot_id();
    if (!boot) return boot.error();
    return *running != *boot;
}

Status DataDirectory::mark_running() const {
    const auto boot = boot_id();
    if (!boot) return boot.error();
    // After a crash of the process alone the file says it already, and a full disk may have no room to say it again.
    const auto running = read_file(path_ + "/running");
    if (running && *running == *boot) return sync_directory(path_);
    return write_file_durably(path_ + "/running", *boot);
}

Status DataDirectory::fence(const std::string& why) const { return write_file_durably(path_ + "/fenced", why); }

Status DataDirectory::mark_clean() const { return remove_file_durably(path_ + "/running"); }

Status DataDirectory::keep_acquaintances(const std::map<uint64_t, uint64_t>& directories) const {
    std::ostringstream out;
    for (const auto& [member, directory] : directories) out << member << ' ' << directory << '\n';
    return write_file_durably(path_ + "/acquaintances", out.str());
}

Result<std::map<uint64_t, uint64_t>> DataDirectory::kept_acquaintances() const {
    const auto text = read_file(path_ + "/acquaintances");
    std::map<uint64_t, uint64_t> directories;
    if (!text) return text.error().code == Code::not_found ? Result(directories) : text.error();
    std::istringstream lines(*text);
    for (uint64_t member = 0, directory = 0; lines >> member >> directory;) directories[member] = directory;
    return directories;
}

// boundary := u32 crc32c of the rest, u64 index, u64 term, u64 configuration's index, u64 its term, its payload
Status DataDirectory::keep_boundary(const core::Boundary& boundary) const {
    Bytes body;
    const uint64_t numbers[] = {boundary.index.value, boundary.term.value, boundary.configuration.index.value,
                                boundary.configuration.term.value};
    body.append(reinterpret_cast<const char*>(numbers), sizeof numbers);
    if (boundary.configuration.payload) body += *boundary.configuration.payload;
    const uint32_t crc = crc32c(0, body);
    return write_file_durably(path_ + "/boundary", Bytes(reinterpret_cast<const char*>(&crc), sizeof crc) + body);
}

Result<core::Boundary> DataDirectory::kept_boundary() const {
    const std::string path = path_ + "/boundary";
    const auto content = read_file(path);
    if (!content)
        return content.error().code == Code::not_found ? Result<core::Boundary>(core::Boundary{}) : content.error();
    uint32_t crc = 0;
    uint64_t numbers[4];
    const size_t head = sizeof crc + sizeof numbers;
    if (content->size() < head ||
        (std::memcpy(&crc, content->data(), 4), crc != crc32c(0, BytesView(*content).substr(4)))) {
        return Error{Code::corrupt, "'" + path + "' is damaged; restore it from a backup"};
    }
    std::memcpy(numbers, content->data() + sizeof crc, sizeof numbers);
    return core::Boundary{
        {numbers[0]},
        {numbers[1]},
        {{numbers[2]}, {numbers[3]}, raft::EntryType::change, std::make_shared<const Bytes>(content->substr(head))}};
}

namespace {

// Whether the log goes on from the boundary: it reaches it, with the entry that belongs there.
Result<bool> goes_on_from(plugin::LogStore& log, const belfry_log_state& state, const core::Boundary& kept) {
    if (state.boundary_index == kept.index.value) return state.boundary_term == kept.term.value;
    if (state.boundary_index > kept.index.value || state.last_index < kept.index.value) return false;
    uint64_t term = 0;
    auto read = log.read(kept.index, [&](const belfry_log_entry& entry) { return term = entry.term, false; });
    if (!read) return read.error();
    return term == kept.term.value;
}

}  // namespace

Result<raft::Restored> restore_log(plugin::LogStore& log, const core::Boundary& kept, uint64_t& payload_bytes) {
    payload_bytes = 0;
    auto state = log.state();
    if (!state) return state.error();
    if (state->boundary_index > kept.index.value) {
        return Error{Code::corrupt, "the log begins at " + std::to_string(state->first_index) +
                                        " but what was before it is not known; restore from a backup"};
    }
    const auto goes_on = goes_on_from(log, *state, kept);
    if (!goes_on) return goes_on.error();
    if (!*goes_on) {
        if (auto emptied = log.reset(kept.index, kept.term); !emptied) return emptied.error();
        state = log.state();
        if (!state) return state.error();
    }
    raft::Restored restored;
    restored.term = {std::max(state->term, kept.term.value)};  // a restored backup's log has never had one
    restored.voted_for = state->voted_for;
    restored.boundary = kept.index;
    restored.boundary_term = kept.term;
    restored.configuration_index = kept.configuration.index;
    if (kept.configuration.payload) restored.configuration = *kept.configuration.payload;
    if (state->last_index <= kept.index.value) return restored;
    restored.trail.reserve(state->last_index - kept.index.value);
    auto read = log.read(kept.index.next(), [&](const belfry_log_entry& entry) {
        raft::Entry found{Index{entry.index}, Term{entry.term}, static_cast<raft::EntryType>(entry.type), nullptr};
        if (found.type == raft::EntryType::change) {
            found.payload = std::make_shared<const Bytes>(static_cast<const char*>(entry.payload.data), entry.payload.size);
        }
        restored.trail.push_back(std::move(found));
        payload_bytes += entry.payload.size;
        return true;
    });
    if (!read) return read.error();
    return restored;
}

}  // namespace belfry::hub::shell
