#include "pipeline/ingest/content_encoding.hpp"

#include <algorithm>

#include "common/compression/compression.hpp"
#include "common/http/message.hpp"

namespace stormlog::pipeline {
namespace {

constexpr ContentEncoding kEncodings[] = {
    {"gzip", compression::gunzip},
    {"zstd", compression::unzstd},
    {"deflate", compression::inflate},
    {"identity", nullptr},
};

}  // namespace

std::optional<ContentEncoding> content_encoding(std::string_view value) {
  if (value.empty()) return ContentEncoding{"identity", nullptr};
  std::string name = http::lower_case(value);
  if (name == "x-gzip") name = "gzip";  // RFC 9110 §8.4.1.3
  const auto found = std::find_if(std::begin(kEncodings), std::end(kEncodings),
                                  [&](const ContentEncoding& each) { return each.name == name; });
  return found == std::end(kEncodings) ? std::nullopt : std::optional(*found);
}

std::string content_encodings() {
  std::string names;
  for (const ContentEncoding& each : kEncodings) {
    names += (names.empty() ? "" : ", ") + std::string(each.name);
  }
  return names;
}

}  // namespace stormlog::pipeline
