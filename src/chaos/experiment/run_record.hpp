#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.hpp"

// What a finished run knows: the input of every check and of the report. Times are offsets from
// the run's start on the monotonic clock.
namespace stormlog::chaos {

enum class Outcome : std::uint8_t {
  acked,          // 2xx, and not listed as refused in its body
  rejected,       // 4xx, or listed as refused in a 2xx body: not taken
  indeterminate,  // 5xx, time-out, broken connection: may be stored all the same
  unsent,         // no connection: the system has not seen one byte of it
};

std::string_view to_string(Outcome outcome);

// One request of the load generator. Latency counts from `intended`, the moment the schedule asked
// for it, so that a stalled client or server cannot hide a queue (no coordinated omission).
struct RequestSample {
  Nanoseconds intended{};
  Nanoseconds sent{};  // first byte handed to the socket; = done when unsent
  Nanoseconds done{};
  std::uint16_t status = 0;  // 0: no response
  std::uint16_t events = 0;
  Outcome outcome = Outcome::unsent;
  bool retry_after = false;  // the response carried Retry-After

  Nanoseconds latency() const { return done - intended; }
  // What the server alone took: without the wait for a free connection of this client.
  Nanoseconds service_time() const { return done - sent; }
};

struct EventReference {
  std::string id;
  std::string key;
  std::uint64_t seq = 0;
  std::optional<Nanoseconds> sent;  // offset from the run's start, where the ledger knows it
  std::string where = {};  // the stores that lack a lost event, that hold a duplicated one twice
};

// The ledger read against the sinks.
struct Reconciliation {
  bool complete = false;  // all sinks were read and the system had drained
  std::string why_incomplete;

  std::uint64_t sent = 0;  // events: acked + rejected + indeterminate + unsent
  std::uint64_t acked = 0;
  std::uint64_t rejected = 0;
  std::uint64_t indeterminate = 0;
  std::uint64_t unsent = 0;

  std::uint64_t delivered = 0;        // acked and found in a store at least once
  std::uint64_t dead_lettered = 0;    // acked and found only in a DLQ
  std::uint64_t lost = 0;             // acked and found nowhere
  std::uint64_t duplicated = 0;       // events found more than once in one store
  std::uint64_t reordered = 0;        // acked events behind a later one of their key
  std::uint64_t stored_unacked = 0;   // indeterminate, and found: neither loss nor duplicate
  std::uint64_t stored_rejected = 0;  // rejected or unsent, and found all the same
  std::uint64_t unknown_in_sink = 0;  // of this run by its mark, but not in the ledger
  bool order_known = false;           // a store told key and sequence number in storage order

  // The first few of each, for people.
  std::vector<EventReference> lost_events;
  std::vector<EventReference> duplicated_events;
  std::vector<EventReference> reordered_events;

  struct Window {
    std::string name;  // "before", "service_kill log-producer", "after"
    Nanoseconds from{};
    Nanoseconds to{};
    std::uint64_t sent = 0, acked = 0, rejected = 0, indeterminate = 0, unsent = 0;
    std::uint64_t delivered = 0, lost = 0, duplicated = 0;
  };
  std::vector<Window> windows;
};

struct BreakerTransition {
  std::string service;
  std::string breaker;
  std::string from;
  std::string to;
  Nanoseconds at{};
  std::string source;  // "events" (told by the service) or "metrics" (seen by polling)
};

struct ProcessEvent {
  enum class Kind { ended, started };
  std::string service;
  Kind kind = Kind::ended;
  Nanoseconds at{};
  int pid = 0;
  std::string detail;  // "signal 9 (SIGKILL)" where it is known
  std::string fault;   // id of the fault that explains it, or ""
};

// How much memory a service held at a moment.
struct MemorySample {
  std::string service;
  Nanoseconds at{};
  std::uint64_t bytes = 0;  // resident, with its workers; what they share counts once
};

enum class Effect { confirmed, none, off_target, unknown };
std::string_view to_string(Effect effect);

struct FaultRecord {
  std::string id;
  std::string fault;
  std::string target;
  nlohmann::ordered_json params;
  bool lasting = false;  // is healed after a time; else one-off
  std::optional<Nanoseconds> injected;
  std::optional<Nanoseconds> healed;
  Effect effect = Effect::unknown;
  nlohmann::ordered_json measured;  // what the self-check saw
  std::string error;                // why it could not be injected or healed
};

// One look of a steady-state or stop probe.
struct ProbeObservation {
  std::string probe;  // its label in the experiment
  Nanoseconds at{};
  bool has_data = false;
  bool held = false;
  std::string seen;  // "status 503", "12"
};

struct RunRecord {
  std::string title;
  std::uint64_t seed = 0;
  WallTime started{};
  Nanoseconds duration{};
  Nanoseconds load_from{};
  Nanoseconds load_to{};
  bool had_load = false;
  std::vector<RequestSample> requests;   // by `done`
  std::optional<Reconciliation> ledger;  // empty: no sinks or no load
  std::vector<FaultRecord> faults;
  std::vector<BreakerTransition> transitions;  // by `at`
  std::vector<std::string> breakers_seen;      // names of breakers that were observable at all
  std::vector<std::string> breakers_refused;   // "service: why it does not tell of its breakers"
  std::vector<ProcessEvent> processes;
  std::vector<std::string> processes_watched;
  std::vector<MemorySample> memory;  // by `at`; a service that does not run has no sample
  std::vector<ProbeObservation> steady_state;
  std::optional<Nanoseconds> drained;  // when the drain probes held
};

}  // namespace stormlog::chaos
