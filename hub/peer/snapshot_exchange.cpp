#include "hub/peer/snapshot_exchange.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

namespace belfry::hub::peer {

namespace {

// Frames that wait for this thread: the credit of a few members that fetch; more are dropped and asked for again.
constexpr size_t jobs_max = 1024;
constexpr size_t pending_bytes_max = 64 * chunk_bytes;
constexpr uint64_t idle_ms = 60'000;

uint64_t steady_ms() {
    return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch() / std::chrono::milliseconds(1));
}

// One chunk of the file; an empty one at its end. Nothing if it cannot be read.
std::optional<Chunk> read_chunk(const std::string& path, const ChunkAsk& ask) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return std::nullopt;
    struct stat facts {};
    Chunk chunk{ask.index, 0, ask.offset, Bytes(chunk_bytes, '\0')};
    const bool known = ::fstat(file, &facts) == 0;
    const ssize_t size = known ? ::pread(file, chunk.octets.data(), chunk_bytes, static_cast<off_t>(ask.offset)) : -1;
    ::close(file);
    if (size < 0) return std::nullopt;
    chunk.total = static_cast<uint64_t>(facts.st_size);
    chunk.octets.resize(static_cast<size_t>(size));
    return chunk;
}

}  // namespace

SnapshotExchange::SnapshotExchange(const Link& link, std::string directory, uint64_t bytes_per_second, Hooks hooks)
    : link_(link),
      directory_(std::move(directory)),
      bytes_per_second_(bytes_per_second),
      hooks_(std::move(hooks)),
      thread_([this] { run(); }) {}

SnapshotExchange::~SnapshotExchange() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    arrived_.notify_one();
    thread_.join();
}

void SnapshotExchange::put(Job job) {
    {
        const std::lock_guard lock(mutex_);
        if (jobs_.size() >= jobs_max && std::holds_alternative<Incoming>(job)) return;
        jobs_.push_back(std::move(job));
    }
    arrived_.notify_one();
}

void SnapshotExchange::run() {
    for (;;) {
        std::deque<Job> jobs;
        {
            std::unique_lock lock(mutex_);
            const uint64_t now_ms = steady_ms();
            const uint64_t wake_ms = fetch_ ? fetch_->wake_at_ms(now_ms) : now_ms + idle_ms;
            const auto wait = std::chrono::milliseconds(wake_ms > now_ms ? wake_ms - now_ms : 0);
            arrived_.wait_for(lock, wait, [&] { return stopping_ || !jobs_.empty(); });
            if (stopping_) return;
            jobs.swap(jobs_);
        }
        for (Job& job : jobs) {
            if (const auto* wanted = std::get_if<core::Fetch>(&job)) start(*wanted);
            if (const auto* incoming = std::get_if<Incoming>(&job)) take(*incoming);
            if (auto* peers = std::get_if<std::vector<Peer>>(&job)) {
                std::erase_if(outgoing_, [&](const auto& entry) {
                    return std::find(peers->begin(), peers->end(), entry.second.peer) == peers->end();
                });
                for (Peer& peer : *peers) outgoing_[peer.id].peer = std::move(peer);
            }
        }
        go_on();
    }
}

// ---- the one who asks ----

void SnapshotExchange::start(const core::Fetch& wanted) {
    if (!hooks_.path_of(wanted.index).empty()) {
        fetch_.reset();
        return hooks_.on_done(core::SnapshotFetched{wanted.index});
    }
    if (fetch_ && fetch_->index() == wanted.index && fetch_->from() == wanted.from) return;
    fetch_.reset();
    remove_other_parts(wanted.index);
    auto started = SnapshotFetch::start(directory_, wanted.from, wanted.index, bytes_per_second_, steady_ms());
    if (!started) return hooks_.on_done(core::FetchFailed{wanted.index, started.error()});
    fetch_.emplace(std::move(*started));
}

// Of snapshots that were not needed to their end.
void SnapshotExchange::remove_other_parts(Index wanted) {
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(directory_, failed)) {
        const std::filesystem::path& path = entry.path();
        if (path.extension() == ".part" && path.stem() != std::to_string(wanted.value)) ::unlink(path.c_str());
    }
}

void SnapshotExchange::go_on() {
    if (!fetch_) return;
    const uint64_t now_ms = steady_ms();
    if (fetch_->is_stuck(now_ms)) {
        return fail({Code::unavailable, "member " + std::to_string(fetch_->from()) + " does not send its snapshot"});
    }
    while (const auto ask = fetch_->next_ask(now_ms)) send(fetch_->from(), *ask);
}

void SnapshotExchange::take(const Incoming& incoming) {
    const auto frame = decode_snapshot_frame(incoming.body);
    if (!frame) return;  // asked for again
    if (const auto* ask = std::get_if<ChunkAsk>(&*frame)) return serve(incoming.peer, *ask);
    if (const auto* chunk = std::get_if<Chunk>(&*frame)) return take_chunk(incoming.peer, *chunk);
    const Index missing = std::get<SnapshotMissing>(*frame).index;
    if (!fetch_ || fetch_->from() != incoming.peer || fetch_->index() != missing) return;
    fail({Code::not_found, "member " + std::to_string(incoming.peer) + " has no snapshot of entry " +
                               std::to_string(missing.value) + " any more"});
}

void SnapshotExchange::take_chunk(uint64_t peer, const Chunk& chunk) {
    if (!fetch_ || fetch_->from() != peer) return;
    const auto whole = fetch_->take(chunk, steady_ms());
    if (!whole) return fail(whole.error());
    if (*whole) finish();
}

void SnapshotExchange::finish() {
    const Index index = fetch_->index();
    const auto adopted = hooks_.adopt(fetch_->path(), index);
    if (!adopted) return fail(adopted.error());
    fetch_.reset();
    hooks_.on_done(core::SnapshotFetched{index});
}

// A damaged file would fail again; one that merely stopped goes on where it was. So only the first is removed.
void SnapshotExchange::fail(Error why) {
    const Index index = fetch_->index();
    if (why.code != Code::unavailable) ::unlink(fetch_->path().c_str());
    fetch_.reset();
    hooks_.on_done(core::FetchFailed{index, std::move(why)});
}

// ---- the one who is asked ----

void SnapshotExchange::serve(uint64_t peer, const ChunkAsk& ask) {
    const std::string path = hooks_.path_of(ask.index);
    auto chunk = path.empty() ? std::nullopt : read_chunk(path, ask);
    if (chunk) {
        send(peer, std::move(*chunk));
    } else {
        send(peer, SnapshotMissing{ask.index});
    }
}

void SnapshotExchange::send(uint64_t peer, const SnapshotFrame& frame) {
    const auto found = outgoing_.find(peer);
    if (found == outgoing_.end()) return;
    Outgoing& outgoing = found->second;
    if (!outgoing.socket) {
        auto socket = link_.connect_to(outgoing.peer, true);
        if (!socket) return;
        outgoing.socket.emplace(std::move(*socket));
    }
    if (outgoing.pending->load(std::memory_order_relaxed) > pending_bytes_max) return;
    outgoing.socket->send(link_.frame_for(peer, FrameKind::snapshot, encode_snapshot_frame(frame)), outgoing.pending);
}

}  // namespace belfry::hub::peer
