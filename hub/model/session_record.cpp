#include "hub/model/session_record.hpp"

#include "hub/base/binary.hpp"
#include "hub/model/records.hpp"
#include "sdk/base/limits.hpp"

namespace belfry::hub::model {

void encode_session(const Session& session, Bytes& out) {
    Writer writer(out);
    writer.u8(session_format);
    writer.varint(session.used_s);
    writer.varint(session.acknowledged);
    uint64_t before = session.acknowledged;
    for (const Kept& kept : session.kept) {
        writer.varint(kept.sequence - before);
        writer.varint(kept.revision.value);
        writer.u8(static_cast<uint8_t>(kept.kind));
        if (kept.kind == Kept::Kind::answer) writer.bytes(kept.answer);
        before = kept.sequence;
    }
}

Result<Session> decode_session(BytesView record) {
    Reader in(record);
    if (in.u8() != session_format) in.fail();
    Session session;
    session.used_s = in.varint();
    session.acknowledged = in.varint();
    uint64_t ahead = 0;  // of `acknowledged`
    while (in.ok() && !in.at_end()) {
        const uint64_t gap = in.varint();
        if (gap == 0 || gap > belfry::limits::session_window_max - ahead) in.fail();
        ahead += gap;
        Kept kept;
        kept.sequence = session.acknowledged + ahead;
        kept.revision.value = in.varint();
        const uint8_t kind = in.u8();
        if (kind == 0 || kind > static_cast<uint8_t>(Kept::Kind::dropped)) in.fail();
        kept.kind = static_cast<Kept::Kind>(kind);
        if (kept.kind == Kept::Kind::answer) kept.answer = in.bytes();
        if (!in.ok()) break;
        session.kept.push_back(std::move(kept));
    }
    if (!in.ok()) return damaged("sessions", in.offset());
    return session;
}

}  // namespace belfry::hub::model
