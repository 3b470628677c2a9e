#include "sdk/recipes/job_keys.hpp"

#include "sdk/base/limits.hpp"
#include "sdk/recipes/queue_keys.hpp"

namespace belfry::recipes {

constexpr size_t id_bytes = 2 + limits::sequence_bytes;  // "P/" and the number

JobKeys::JobKeys(const Bytes& board, const Bytes& id)
    : prefix(job_prefix_of(board) + id + "/"),
      item(items_of(jobs_of(board)) + id),
      claim(claims_of(jobs_of(board)) + id),
      worker(prefix + "worker"),
      progress(prefix + "progress"),
      result(prefix + "result"),
      error(prefix + "error") {}

std::optional<EndedJob> ended_job_of(const Bytes& board, BytesView key) {
    const Bytes prefix = job_prefix_of(board);
    if (!key.starts_with(prefix)) return {};
    const size_t slash = key.rfind('/');
    if (slash < prefix.size()) return {};
    const BytesView word = key.substr(slash + 1);
    if (word != "result" && word != "error") return {};
    const BytesView id = key.substr(prefix.size(), slash - prefix.size());
    // Another board's, below a name that begins as this one's keys do.
    if (id.size() != id_bytes || id[1] != '/') return {};
    return EndedJob{Bytes(id), word == "error"};
}

// With room for "/job/ID/progress", for the bound of a queue's name leaves more than that.
Status check_board_name(BytesView name) {
    if (name.empty()) return Error{Code::invalid_argument, "the job board's name is empty"};
    return check_queue_name(jobs_of(Bytes(name)));
}

}  // namespace belfry::recipes
