// The query of GET /api/v1/logs, and by its first byte what comes back in other places: cursors,
// the tail's Last-Event-ID, the filters of the dead letters.
#include "common/http/message.hpp"
#include "fuzz.hpp"
#include "pipeline/consumer/dead_letter_entry.hpp"
#include "pipeline/consumer/query.hpp"
#include "pipeline/consumer/tail_position.hpp"

namespace {

using namespace stormlog;
using namespace stormlog::pipeline;

using Params = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view kEvent =
    R"({"service":"shop","severity_number":13,"body":"Order 17 is late",)"
    R"("trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","attributes":{"order":17,"vip":true,"a":"b"}})";

// The same filters with other values.
LogQuery with_other_values(LogQuery query) {
  LogFilter& filter = query.filter;
  if (filter.service) filter.service = "s";
  if (!filter.text.empty()) filter.text = "t";
  for (AttributeFilter& attribute : filter.attributes) {
    attribute.key = "k";
    attribute.text = "v";
    if (!attribute.json.empty()) attribute.json = "1";
  }
  return query;
}

void check_list(const Params& params) {
  const Result<LogQuery> query = LogQuery::parse(params);
  if (!query) {
    FUZZ_CHECK(!query.error().message.empty());
    return;
  }
  FUZZ_CHECK(query->limit >= 1 && query->limit <= LogQuery::kMaxLimit);
  FUZZ_CHECK(query->filter.attributes.size() <= LogFilter::kMaxAttributes);
  const Statement statement = list_statement(*query);
  // What a reader sends travels beside the statement, never in it.
  FUZZ_CHECK(statement.sql == list_statement(with_other_values(*query)).sql);
  for (const postgres::Param& param : statement.params) {
    FUZZ_CHECK(param.binary || param.value.find('\0') == std::string::npos);
  }
  (void)query->filter.matches(kEvent);
}

void check_dead_letters(const Params& params) {
  DeadLetterFilter filter;
  for (const auto& [name, value] : params) {
    const Result<bool> known = filter.read(name, value);
    FUZZ_CHECK(known || !known.error().message.empty());
  }
  DeadLetterEntry letter;
  letter.code = "22P05";
  letter.reason = "a reason";
  letter.failed_at = "2026-01-31T12:00:00Z";
  (void)filter.matches(letter);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::uint8_t what = input.byte();
  const std::string text(input.rest());
  if (what == 'c') {
    const auto cursor = Cursor::decode(text);
    FUZZ_CHECK(!cursor || cursor->encode() == text);
  } else if (what == 't') {
    const auto position = TailPosition::parse(text);
    FUZZ_CHECK(!position || TailPosition::parse(position->encode()) == position);
  } else {
    http::Request request;
    request.target = "/api/v1/logs?" + text;
    const auto params = request.query_params();
    if (!params) return 0;
    check_list(*params);
    check_dead_letters(*params);
  }
  return 0;
}
