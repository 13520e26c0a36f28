#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "pipeline/format/parsed_records.hpp"

namespace stormlog::pipeline {

// One way to write events in the body of a request. Fields, limits and what becomes of the rest:
// docs/event.md, docs/formats.md.
//
// Threads: caller synchronises; keep one for a thread, its buffers are used again.
class Format {
 public:
  Format() = default;
  virtual ~Format() = default;
  Format(const Format&) = delete;
  Format& operator=(const Format&) = delete;

  // May change the body and enlarge its capacity: simdjson reads a little behind the end.
  // Errors: permanent, with code "400" for what is not of this format and "413" for too many
  //         records; nothing of the request is used then. One bad record is an entry in `errors`.
  virtual Result<ParsedRecords> parse(std::string& body, const IngestContext& context) = 0;
};

// What a path takes.
enum class Protocol { events, otlp, loki };

struct FormatEntry {
  Protocol protocol;
  std::string_view media_type;  // lower case, without parameters
  std::unique_ptr<Format> (*make)();
  // Told by a header instead, whatever the media type is.
  std::string_view header = {};
  // A Content-Encoding that is the format's own and undone by it.
  std::string_view own_encoding = {};
};
// All formats. The first one of a protocol whose header is there, or whose media type it is, reads
// the request.
std::span<const FormatEntry> formats();

}  // namespace stormlog::pipeline
