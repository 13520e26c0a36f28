#include "chaos/stack/stack_parts.hpp"
#include "common/document/params.hpp"

namespace stormlog::chaos::detail {
namespace {

using document::Diagnostics;
using document::Node;
using document::Params;
using document::ParamSpec;
using document::ParamType;
using std::chrono::milliseconds;

// Filled in by the load generator and the ledger, for each event and run.
const std::vector<std::string> kEventNames = {"id", "key", "seq", "run", "time", "unix_ms", "pad"};
const std::vector<std::string> kRunNames = {"run"};

std::string text_or(const Params& params, const char* name, const std::string& fallback = {}) {
  return params.has(name) ? params.text(name) : fallback;
}

SendSpec parse_send(Node map, const Stack& stack, Diagnostics& diagnostics) {
  static const std::vector<ParamSpec> kSpecs = {
      {.name = "url", .required = true, .description = "where events are sent"},
      {.name = "method", .default_text = "POST", .choices = {"POST", "PUT", "PATCH"}},
      {.name = "headers", .type = ParamType::text_map},
      {.name = "event", .required = true, .description = "body template of one event"},
      {.name = "batch",
       .default_text = "json_array",
       .choices = {"json_array", "ndjson", "single"}},
      {.name = "rejected", .type = ParamType::node},
  };
  for (auto& [key, value] : map.entries) {
    const bool is_event = key.scalar == "event";
    document::substitute(value, stack.variables, diagnostics,
                         is_event ? kEventNames : std::vector<std::string>{});
  }
  const Params params = document::parse_params(map, kSpecs, {}, "ledger.send", diagnostics);
  SendSpec send;
  send.url = text_or(params, "url");
  send.method = text_or(params, "method", send.method);
  send.event = text_or(params, "event");
  if (!send.url.empty() && !send.url.starts_with("http://") && !send.url.starts_with("https://")) {
    diagnostics.error(*map.find("url"),
                      "ledger.send: url \"" + send.url + "\" must start with http:// or https://");
  }
  if (!send.event.empty() && send.event.find("${id}") == std::string::npos) {
    diagnostics.error(*map.find("event"),
                      "ledger.send: the event must hold ${id}, by which it is found again");
  }
  const std::string batch = text_or(params, "batch");
  send.batch = batch == "ndjson"   ? SendSpec::Batch::ndjson
               : batch == "single" ? SendSpec::Batch::single
                                   : SendSpec::Batch::json_array;
  if (params.has("headers")) send.headers = params.text_map("headers");
  if (params.has("rejected")) {
    static const std::vector<ParamSpec> kRejected = {
        {.name = "list", .required = true, .description = "JSON pointer of the list"},
        {.name = "index", .default_text = "index"}};
    const Node& node = params.node("rejected");
    const Params rejected =
        document::parse_params(node, kRejected, {}, "ledger.send.rejected", diagnostics);
    send.rejected_list = text_or(rejected, "list");
    send.rejected_index = text_or(rejected, "index", "index");
    if (!send.rejected_list.empty() && !send.rejected_list.starts_with('/')) {
      diagnostics.error(node, "ledger.send.rejected: list must be a JSON pointer such as /errors");
    }
  }
  return send;
}

// One of the kinds of a sink: its word in the file, and the names of its parameters.
struct SinkKind {
  const char* word;
  SinkSpec::Kind kind;
  const char* connection;
  const char* source;  // "" for sql, which has a query
  bool needs_id;
};
constexpr SinkKind kSinkKinds[] = {
    {"sql", SinkSpec::Kind::sql, "connection", "", false},
    {"redis_stream", SinkSpec::Kind::redis_stream, "connection", "key", true},
    {"redis_keys", SinkSpec::Kind::redis_keys, "connection", "pattern", true},
    {"kafka", SinkSpec::Kind::kafka, "brokers", "topic", true},
};

void read_kind(const SinkKind& kind, const Node& map, const std::string& what, SinkSpec& sink,
               Diagnostics& diagnostics) {
  sink.kind = kind.kind;
  std::vector<ParamSpec> specs = {
      {.name = kind.connection, .required = true, .description = "where the store is"}};
  if (kind.kind == SinkSpec::Kind::sql) {
    specs.push_back({.name = "query",
                     .required = true,
                     .description = "SELECT of id [, key [, seq]] in the order of storage"});
  } else {
    specs.push_back({.name = kind.source, .required = true, .description = "what is read"});
    specs.push_back(
        {.name = "id", .required = kind.needs_id, .description = "where the event's id is"});
    // `key` names the stream of a redis_stream; the event's key is `event_key` there.
    const bool taken = kind.kind == SinkSpec::Kind::redis_stream;
    specs.push_back({.name = taken ? "event_key" : "key"});
    specs.push_back({.name = "seq"});
  }
  const Params params =
      document::parse_params(map, specs, {}, what + ", " + kind.word, diagnostics);
  sink.connection = text_or(params, kind.connection);
  if (kind.kind == SinkSpec::Kind::sql) {
    sink.query = text_or(params, "query");
    return;
  }
  const bool taken = kind.kind == SinkSpec::Kind::redis_stream;
  sink.source = text_or(params, kind.source);
  sink.id_field = text_or(params, "id");
  sink.key_field = text_or(params, taken ? "event_key" : "key");
  sink.seq_field = text_or(params, "seq");
}

SinkSpec parse_sink(Node map, const Stack& stack, Diagnostics& diagnostics) {
  document::substitute(map, stack.variables, diagnostics, kRunNames);
  static const std::vector<ParamSpec> kSpecs = {
      {.name = "name", .required = true, .description = "a word for reports"},
      {.name = "role", .default_text = "store", .choices = {"store", "dlq"}}};
  const Params params = document::parse_params(
      map, kSpecs, {"sql", "redis_stream", "redis_keys", "kafka"}, "ledger sink", diagnostics);
  SinkSpec sink;
  sink.line = map.line;
  sink.name = text_or(params, "name");
  sink.role = text_or(params, "role") == "dlq" ? SinkSpec::Role::dlq : SinkSpec::Role::store;
  const std::string what = "ledger sink \"" + sink.name + "\"";
  int kinds = 0;
  for (const auto& kind : kSinkKinds) {
    const Node* found = map.find(kind.word);
    if (found == nullptr) continue;
    ++kinds;
    read_kind(kind, *found, what, sink, diagnostics);
  }
  if (kinds != 1) {
    diagnostics.error(map, what + " needs one of sql, redis_stream, redis_keys and kafka");
  }
  return sink;
}

}  // namespace

LedgerSpec parse_ledger(Node map, const Stack& stack, Diagnostics& diagnostics) {
  static const std::vector<ParamSpec> kSpecs = {
      {.name = "send", .type = ParamType::node},
      {.name = "sinks", .type = ParamType::node},
      {.name = "drained", .type = ParamType::node},
      {.name = "drain_timeout", .type = ParamType::duration, .default_text = "60s"},
      {.name = "quiet", .type = ParamType::duration, .default_text = "5s"},
  };
  LedgerSpec ledger;
  const Params params = document::parse_params(map, kSpecs, {}, "ledger", diagnostics);
  const auto ms = [&](const char* name, milliseconds& to) {
    if (params.has(name)) to = std::chrono::duration_cast<milliseconds>(params.duration(name));
  };
  ms("drain_timeout", ledger.drain_timeout);
  ms("quiet", ledger.quiet);
  if (params.has("send")) ledger.send = parse_send(params.node("send"), stack, diagnostics);
  if (params.has("sinks")) {
    const Node& sinks = params.node("sinks");
    if (!sinks.is_list()) diagnostics.error(sinks, "ledger.sinks must be a list");
    for (const auto& item : sinks.items) {
      ledger.sinks.push_back(parse_sink(item, stack, diagnostics));
      for (std::size_t i = 0; i + 1 < ledger.sinks.size(); ++i) {
        if (ledger.sinks[i].name != ledger.sinks.back().name) continue;
        diagnostics.error(item, "two ledger sinks are named \"" + ledger.sinks[i].name + "\"");
      }
    }
  }
  if (params.has("drained")) {
    ledger.drained = params.node("drained");
    document::substitute(ledger.drained, stack.variables, diagnostics);
    if (!ledger.drained.is_list()) {
      diagnostics.error(ledger.drained, "ledger.drained must be a list of probes");
    }
  }
  return ledger;
}

}  // namespace stormlog::chaos::detail
