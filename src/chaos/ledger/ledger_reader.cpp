#include <algorithm>
#include <unordered_map>

#include "chaos/ledger/ledger.hpp"
#include "chaos/ledger/wire.hpp"

namespace stormlog::chaos {
namespace {

struct OpenRequest {
  std::size_t first = 0;  // its events in Ledger::entries
  std::size_t count = 0;
};

class LedgerReader {
 public:
  LedgerReader(std::string_view content, std::string name)
      : content_(content), name_(std::move(name)) {}

  Result<Ledger> read() {
    if (content_.size() < wire::kMagic.size() + sizeof wire::kVersion ||
        !content_.starts_with(wire::kMagic)) {
      return Error::permanent(name_ + ": not a ledger (it does not begin with \"" +
                              std::string(wire::kMagic) + "\")");
    }
    wire::Reader start{content_.substr(wire::kMagic.size())};
    const auto version = start.get<std::uint32_t>();
    if (version != wire::kVersion) {
      return Error::permanent(name_ + ": ledger of version " + std::to_string(version) +
                              "; this program reads version " + std::to_string(wire::kVersion));
    }
    at_ = wire::kMagic.size() + sizeof wire::kVersion;

    Result<std::optional<std::string_view>> header = next_payload();
    if (!header) return header.error();
    if (!header->has_value()) {
      return Error::permanent(name_ + ": ends within its header; nothing was sent");
    }
    if (!read_header(**header)) return damaged("the header does not hold what it should");

    for (;;) {
      const std::size_t record = at_;
      Result<std::optional<std::string_view>> payload = next_payload();
      if (!payload) return payload.error();
      if (!payload->has_value()) break;
      if (const char* wrong = read_record(**payload); wrong != nullptr) {
        at_ = record;
        return damaged(wrong);
      }
    }
    return std::move(ledger_);
  }

 private:
  Error damaged(const std::string& what) const {
    return Error::permanent(name_ + ": damaged at offset " + std::to_string(at_) + ": " + what);
  }

  // The next frame's payload; none at the end of the file or of its intact part.
  Result<std::optional<std::string_view>> next_payload() {
    const std::string_view rest = content_.substr(at_);
    if (rest.empty()) return std::optional<std::string_view>();
    // A torn write leaves less than a record, or, after a power cut, blocks that were never filled.
    if (rest.size() < wire::kFrameBytes || rest.find_first_not_of('\0') == std::string_view::npos) {
      return torn();
    }
    wire::Reader frame{rest.substr(0, wire::kFrameBytes)};
    const auto length = frame.get<std::uint32_t>();
    const auto payload_checksum = frame.get<std::uint32_t>();
    if (frame.get<std::uint32_t>() != wire::checksum(rest.substr(0, 8))) {
      return damaged("the frame's checksum does not match");
    }
    if (rest.size() - wire::kFrameBytes < length) return torn();
    const std::string_view payload = rest.substr(wire::kFrameBytes, length);
    if (wire::checksum(payload) != payload_checksum) {
      return damaged("the record's checksum does not match");
    }
    at_ += wire::kFrameBytes + length;
    return std::optional<std::string_view>(payload);
  }

  Result<std::optional<std::string_view>> torn() {
    ledger_.truncated = true;
    return std::optional<std::string_view>();
  }

  bool read_header(std::string_view payload) {
    wire::Reader in{payload};
    ledger_.header.run = in.text();
    ledger_.header.seed = in.get<std::uint64_t>();
    ledger_.header.started = WallTime{Nanoseconds{in.get<std::int64_t>()}};
    ledger_.header.target = in.text();
    return in.complete();
  }

  // What is wrong with it, or null.
  const char* read_record(std::string_view payload) {
    wire::Reader in{payload};
    const auto type = in.get<std::uint8_t>();
    if (type == wire::kSent) return read_sent(in);
    if (type == wire::kEnded) return read_ended(in);
    return "unknown type of record";
  }

  const char* read_sent(wire::Reader& in) {
    const auto request = in.get<std::uint64_t>();
    in.get<std::int64_t>();  // intended
    const Nanoseconds at{in.get<std::int64_t>()};
    const auto count = in.get<std::uint32_t>();
    const std::size_t first = ledger_.entries.size();
    for (std::uint32_t i = 0; i < count && in.ok; ++i) {
      LedgerEntry entry;
      const std::string_view id = in.bytes(entry.event.id.bytes.size());
      std::copy(id.begin(), id.end(), entry.event.id.bytes.begin());
      entry.event.key = in.get<std::uint32_t>();
      entry.event.seq = in.get<std::uint64_t>();
      entry.sent = at;
      if (in.ok) ledger_.entries.push_back(entry);
    }
    if (!in.complete()) return "a sent record of the wrong length";
    if (!open_.emplace(request, OpenRequest{first, count}).second) return "a request sent twice";
    return nullptr;
  }

  const char* read_ended(wire::Reader& in) {
    const auto request = in.get<std::uint64_t>();
    in.get<std::int64_t>();   // at
    in.get<std::uint16_t>();  // status
    const auto outcome = in.get<std::uint8_t>();
    const auto refused = in.get<std::uint32_t>();
    if (outcome > static_cast<std::uint8_t>(Outcome::unsent)) return "an unknown outcome";
    const auto open = open_.find(request);
    if (open == open_.end()) return "the end of a request that was not sent";
    for (std::size_t i = 0; i < open->second.count; ++i) {
      ledger_.entries[open->second.first + i].outcome = static_cast<Outcome>(outcome);
    }
    for (std::uint32_t i = 0; i < refused && in.ok; ++i) {
      const auto index = in.get<std::uint32_t>();
      if (index >= open->second.count) return "a refused event that the request does not have";
      ledger_.entries[open->second.first + index].outcome = Outcome::rejected;
    }
    if (!in.complete()) return "an ended record of the wrong length";
    open_.erase(open);
    return nullptr;
  }

  std::string_view content_;
  std::string name_;
  std::size_t at_ = 0;
  Ledger ledger_;
  std::unordered_map<std::uint64_t, OpenRequest> open_;  // at most those that were under way
};

}  // namespace

Result<Ledger> read_ledger(const std::filesystem::path& path) {
  Result<std::string> content = file::read(path);
  if (!content) return content.error();
  return parse_ledger(*content, path.string());
}

Result<Ledger> parse_ledger(std::string_view content, const std::string& name) {
  return LedgerReader(content, name).read();
}

}  // namespace stormlog::chaos
