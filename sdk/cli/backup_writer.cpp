#include "sdk/cli/backup_writer.hpp"

#include "sdk/base/crc32c.hpp"

namespace belfry::cli {

Status BackupWriter::begin() {
    bytes_ = 0;
    crc_ = 0;
    return file_.create();
}

Status BackupWriter::append(BytesView octets) {
    crc_ = crc32c(crc_, octets);
    bytes_ += octets.size();
    return file_.write(octets);
}

Result<BackupFacts> BackupWriter::finish(const BackupFacts& facts) {
    if (auto written = file_.write(encode_backup_end(facts, crc_)); !written) return written.error();
    if (auto synced = file_.sync(); !synced) return synced.error();
    auto checked = check_backup(file_.part());
    if (!checked) return checked.error();
    if (auto published = file_.publish(); !published) return published.error();
    return checked;
}

}  // namespace belfry::cli
