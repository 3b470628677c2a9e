// Where a job board's keys are. Private to sdk/recipes.
#pragma once

#include "sdk/client/client.hpp"

namespace belfry::recipes {

inline Bytes jobs_of(const Bytes& board) { return board + "/jobs"; }  // the name of its queue
inline Bytes job_prefix_of(const Bytes& board) { return board + "/job/"; }

// Of one job. One prefix for all that is said of it, so that one filter hears it.
struct JobKeys {
    Bytes prefix, item, claim, worker, progress, result, error;
    JobKeys(const Bytes& board, const Bytes& id);
};

// The job whose result or error this key is; none: it is neither.
struct EndedJob {
    Bytes id;
    bool failed = false;
};
std::optional<EndedJob> ended_job_of(const Bytes& board, BytesView key);

// `invalid_argument`, or ok.
Status check_board_name(BytesView name);

}  // namespace belfry::recipes
