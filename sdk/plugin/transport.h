/* The seam of transports: carries native frames (docs/protocol.md) between clients and the hub, and publishes the feed.
 * A transport decides nothing. C11; a promise.
 *
 * A connection is a number that the transport chooses, never 0 and never used again. Frames are whole messages.
 *
 * Threading: send, publish and flush are called by the core thread and must not block: they queue and wake the transport's
 * own thread(s). The host's callbacks may be called from the transport's threads, overlapping; they never block.
 */
#ifndef BELFRY_TRANSPORT_H
#define BELFRY_TRANSPORT_H

#include "sdk/plugin/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct belfry_transport belfry_transport;

/* A frame whose ownership moves to the receiver, which calls release(context) once, from any thread. */
typedef struct belfry_frame {
    belfry_bytes bytes;
    void* context;
    void (*release)(void* context);
} belfry_frame;

/* What the host offers to a transport. owned: valid from open until close returns. */
typedef struct belfry_transport_host_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    void* context;
    /* A client sent a frame (borrowed). The host answers later by send(); also a malformed frame gets an answer.
     * BELFRY_BUSY: not taken, the host has already queued the refusal if it could read the request ids. */
    belfry_status (*on_frame)(void* context, uint64_t connection, belfry_bytes frame);
    void (*on_close)(void* context, uint64_t connection);
    /* The first subscriber of a topic came, or its last one left. Topics that are not the hub's are not reported. */
    void (*on_topic)(void* context, belfry_bytes topic, int32_t subscribed);
    /* A join token became active (docs/protocol.md, "join"): the host fills the answer that the transport publishes on
     * the token's own topic, after everything published so far. Returns the size, at most capacity. */
    uint64_t (*join_answer)(void* context, void* buffer, uint64_t capacity);
    /* ---- 1.2 ---- */
    /* As on_frame, of a connection whose other end has proved in its handshake that it holds the secret key to this public
     * one (borrowed; as text, for CURVE in Z85). */
    belfry_status (*on_frame_from)(void* context, uint64_t connection, belfry_bytes public_key, belfry_bytes frame);
} belfry_transport_host_v1;

typedef struct belfry_transport_stats {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t subscriptions; /* active (connection, topic) pairs or, where that is not known, distinct topics */
    uint64_t frames_received, frames_sent, frames_published;
    uint64_t sends_refused; /* a peer too slow or gone */
    uint64_t joins;
    uint64_t frames_ignored; /* not of the protocol's form: their senders are disconnected where that is possible */
} belfry_transport_stats;

/* ---- 1.2 ---- */
/* Whose keys the hub knows. All borrowed. */
typedef struct belfry_transport_keys {
    uint32_t struct_size;
    int32_t feed_open;              /* 1: whoever may connect may read the whole feed; 0: only those of feed_keys */
    const belfry_bytes* known_keys; /* of the hub's users; whether others may connect too is the transport's setting */
    uint64_t known_key_count;
    const belfry_bytes* feed_keys; /* of those who may read everything */
    uint64_t feed_key_count;
} belfry_transport_keys;

typedef struct belfry_transport_v1 {
    uint32_t struct_size;
    uint32_t reserved;
    const char* scheme; /* static; "zmq" */

    /* Binds and starts its threads. Settings name the endpoints. Port in use: BELFRY_CONFLICT, naming the endpoint. */
    belfry_status (*open)(const belfry_host_v1* host, const belfry_transport_host_v1* transport_host,
                          const belfry_setting* settings, uint64_t setting_count, belfry_transport** transport,
                          belfry_error* error);
    /* Queues a frame for a connection; a connection that is gone swallows it. Takes the frame. */
    void (*send)(belfry_transport*, uint64_t connection, belfry_frame frame);
    /* Queues a message of the feed; its first octets are the topic. Order is kept. Takes the frame. */
    void (*publish)(belfry_transport*, belfry_frame frame);
    /* What was queued since the last flush goes out now. */
    void (*flush)(belfry_transport*);
    belfry_status (*stats)(belfry_transport*, belfry_transport_stats* stats, belfry_error* error);
    /* Sends what is queued for at most 200 ms, ends its threads; afterwards no callback comes. */
    void (*close)(belfry_transport*);
    /* Writes where it really listens, zero-terminated: "request=tcp://127.0.0.1:7420 feed=tcp://127.0.0.1:7421" (a setting
     * may have said "any port"). BELFRY_TOO_LARGE if it does not fit. Callable from any thread. May be NULL. */
    belfry_status (*endpoints)(belfry_transport*, char* buffer, uint64_t capacity, belfry_error* error);
    /* ---- 1.0 ends here ---- */
    /* ---- 1.2 ---- */
    /* From now on these, and not the ones before: called by the core thread before anything else is queued, and at the
     * start. Whoever is connected and may not any more is disconnected, at the latest before what is queued afterwards goes
     * out. A transport that cannot tell its peers apart publishes nothing while feed_open is 0. NULL: the host does not
     * publish by this transport unless everybody may read everything. */
    void (*set_keys)(belfry_transport*, const belfry_transport_keys* keys);
} belfry_transport_v1;

#ifdef __cplusplus
}
#endif

#endif
