#include "chaos/load/load.hpp"

namespace stormlog::chaos {

const std::vector<document::ParamSpec>& LoadSpec::param_specs() {
  using document::ParamType;
  static const std::vector<document::ParamSpec> specs = {
      {.name = "rate",
       .type = ParamType::rate,
       .default_text = "",
       .description = "Events sent for each second whatever the answers (open loop); without it "
                      "each connection sends when its last request is answered.",
       .min = 0.001},
      {.name = "concurrency",
       .type = ParamType::integer,
       .default_text = "100",
       .description = "Connections, each with one request under way at a time.",
       .min = 1,
       .max = 10'000},
      {.name = "batch",
       .type = ParamType::integer,
       .default_text = "1",
       .description = "Events in one request.",
       .min = 1,
       .max = 10'000},
      {.name = "duration",
       .type = ParamType::duration,
       .default_text = "",
       .description = "How long to send; an experiment without it sends until its method is over."},
      {.name = "keys",
       .type = ParamType::integer,
       .default_text = "100",
       .description = "Distinct keys, raised to the number of connections: a key belongs to one "
                      "connection, so that its events are sent in order.",
       .min = 1,
       .max = 1'000'000},
      {.name = "event_bytes",
       .type = ParamType::bytes,
       .default_text = "",
       .description = "Pads each event to this size; needs ${pad} in the stack's event template."},
      {.name = "timeout",
       .type = ParamType::duration,
       .default_text = "10s",
       .description = "How long a request may take, and how long a due request waits for a free "
                      "connection before it counts as unsent."},
  };
  return specs;
}

LoadSpec LoadSpec::from(const document::Params& params) {
  LoadSpec load;
  if (params.has("rate")) load.rate = params.rate("rate");
  load.concurrency = static_cast<int>(params.integer("concurrency"));
  load.batch = static_cast<int>(params.integer("batch"));
  if (params.has("duration")) load.duration = params.duration("duration");
  load.keys = static_cast<int>(params.integer("keys"));
  if (params.has("event_bytes")) load.event_bytes = params.bytes("event_bytes");
  load.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(params.duration("timeout"));
  return load;
}

}  // namespace stormlog::chaos
