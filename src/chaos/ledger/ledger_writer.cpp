#include <system_error>

#include "chaos/ledger/ledger.hpp"
#include "chaos/ledger/wire.hpp"

namespace stormlog::chaos {
namespace {

constexpr std::size_t kFlushBytes = 256 * 1024;

}  // namespace

Result<LedgerWriter> LedgerWriter::create(const std::filesystem::path& path,
                                          const LedgerHeader& header) {
  std::error_code code;
  if (std::filesystem::exists(path, code)) {
    return Error::permanent(path.string() + ": exists already; a ledger is never written twice");
  }
  Result<file::Appender> file = file::Appender::open(path);
  if (!file) return file.error();

  LedgerWriter writer(std::move(*file));
  writer.buffer_.append(wire::kMagic);
  wire::put(writer.buffer_, wire::kVersion);
  wire::put_frame(writer.buffer_, [&](std::string& out) {
    wire::put_text(out, header.run);
    wire::put(out, header.seed);
    wire::put(out, static_cast<std::int64_t>(header.started.time_since_epoch().count()));
    wire::put_text(out, header.target);
  });
  if (Result<void> done = writer.flush(); !done) return done.error();
  return writer;
}

Result<void> LedgerWriter::sent(std::uint64_t request, Nanoseconds intended, Nanoseconds at,
                                const std::vector<LedgerEvent>& events) {
  wire::put_frame(buffer_, [&](std::string& out) {
    wire::put(out, wire::kSent);
    wire::put(out, request);
    wire::put(out, static_cast<std::int64_t>(intended.count()));
    wire::put(out, static_cast<std::int64_t>(at.count()));
    wire::put(out, static_cast<std::uint32_t>(events.size()));
    for (const LedgerEvent& event : events) {
      out.append(reinterpret_cast<const char*>(event.id.bytes.data()), event.id.bytes.size());
      wire::put(out, event.key);
      wire::put(out, event.seq);
    }
  });
  if (buffer_.size() >= kFlushBytes) return flush();
  return {};
}

Result<void> LedgerWriter::ended(std::uint64_t request, Nanoseconds at, std::uint16_t status,
                                 Outcome outcome, const std::vector<std::uint32_t>& refused) {
  wire::put_frame(buffer_, [&](std::string& out) {
    wire::put(out, wire::kEnded);
    wire::put(out, request);
    wire::put(out, static_cast<std::int64_t>(at.count()));
    wire::put(out, status);
    wire::put(out, static_cast<std::uint8_t>(outcome));
    wire::put(out, static_cast<std::uint32_t>(refused.size()));
    for (const std::uint32_t index : refused) wire::put(out, index);
  });
  if (buffer_.size() >= kFlushBytes) return flush();
  return {};
}

Result<void> LedgerWriter::flush() {
  if (buffer_.empty()) return {};
  Result<void> done = file_.append(buffer_);
  buffer_.clear();
  return done;
}

}  // namespace stormlog::chaos
