#include "pipeline/consumer/batch.hpp"

#include <cassert>

namespace stormlog::pipeline {
namespace {

constexpr std::size_t kMaxReason = 500;

// Length of the UTF-8 sequence at the start of `text`, or 0 when there is none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first == 0) return 0;
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, beyond U+10FFFF.
  if (first == 0xE0 && byte(1) < 0xA0) return 0;
  if (first == 0xED && byte(1) > 0x9F) return 0;
  if (first == 0xF0 && byte(1) < 0x90) return 0;
  if (first == 0xF4 && byte(1) > 0x8F) return 0;
  return length;
}

}  // namespace

std::string safe_text(std::string_view text, std::size_t max_bytes) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    const std::size_t taken = length == 0 ? 1 : length;
    if (out.size() + taken > max_bytes) break;
    if (length == 0) {
      out += '?';
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(taken);
  }
  return out;
}

std::pair<PartitionBatch, PartitionBatch> PartitionBatch::split(std::size_t at) && {
  assert(at > 0 && at < rows.size());
  PartitionBatch first;
  PartitionBatch second;
  const std::int64_t border = rows[at].offset;
  first.partition = second.partition = partition;
  first.expected = expected;
  first.next = second.expected = border;
  second.next = next;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    PartitionBatch& half = i < at ? first : second;
    half.bytes += rows[i].payload.size();
    half.rows.push_back(std::move(rows[i]));
  }
  for (const auto& [offset, size] : gaps) (offset <= border ? first : second).gaps[offset] = size;
  for (DeadLetter& letter : dead) {
    PartitionBatch& half = letter.offset < border ? first : second;
    half.bytes += letter.payload.size();
    half.dead.push_back(std::move(letter));
  }
  return {std::move(first), std::move(second)};
}

DeadLetter bury(LogRow&& row, std::string code, std::string reason) {
  DeadLetter letter;
  letter.id = row.event.id.to_string();
  letter.partition = row.partition;
  letter.offset = row.offset;
  letter.code = std::move(code);
  letter.reason = safe_text(reason, kMaxReason);
  letter.key = std::move(row.key);
  letter.payload = std::move(row.payload);
  letter.trace = std::move(row.trace);
  return letter;
}

}  // namespace stormlog::pipeline
