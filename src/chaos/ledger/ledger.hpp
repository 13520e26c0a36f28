#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "chaos/experiment/run_record.hpp"
#include "chaos/stack/stack.hpp"
#include "common/base/file.hpp"
#include "common/base/result.hpp"
#include "common/base/uuid.hpp"

// The ledger: what became of each event that the load generator sent. A binary, append-only file;
// a request is written before it is sent and again when it has ended, so that after a crash of the
// engine what was under way reads as indeterminate. The format: docs/ledger.md.
namespace stormlog::chaos {

// The ledger's name in the folder of a run or a load.
inline constexpr const char* kLedgerFile = "ledger.bin";

struct LedgerEvent {
  Uuid id;
  std::uint32_t key = 0;
  std::uint64_t seq = 0;  // from 1, ascends within its key
};

struct LedgerHeader {
  std::string run;  // mark of the events
  std::uint64_t seed = 0;
  WallTime started{};  // wall time of offset 0
  std::string target;  // URL
};

// Records are buffered: those since the last flush() are lost when the process dies.
//
// Threads: caller synchronises. Errors: permanent, with the path; the run must then stop.
class LedgerWriter {
 public:
  // Errors: also when the file exists: a ledger is never written twice.
  static Result<LedgerWriter> create(const std::filesystem::path& path, const LedgerHeader& header);

  // Before the first byte of the request leaves.
  Result<void> sent(std::uint64_t request, Nanoseconds intended, Nanoseconds at,
                    const std::vector<LedgerEvent>& events);
  // `refused`: indices of events that a 2xx body lists as refused.
  Result<void> ended(std::uint64_t request, Nanoseconds at, std::uint16_t status, Outcome outcome,
                     const std::vector<std::uint32_t>& refused);
  Result<void> flush();

 private:
  explicit LedgerWriter(file::Appender file) : file_(std::move(file)) {}
  file::Appender file_;
  std::string buffer_;
};

struct LedgerEntry {
  LedgerEvent event;
  Nanoseconds sent{};
  Outcome outcome = Outcome::indeterminate;
};

struct Ledger {
  LedgerHeader header;
  std::vector<LedgerEntry> entries;  // in the order of sending
  bool truncated = false;            // the last record is torn: the engine died while writing
};

// Errors: not a ledger, another version, or damaged in the middle (with the offset).
Result<Ledger> read_ledger(const std::filesystem::path& path);
// The same from the content of a file; `name` is for messages.
Result<Ledger> parse_ledger(std::string_view content, const std::string& name);

// One event as a sink holds it.
struct SinkEvent {
  std::string id;
  std::string key;  // "" when the sink does not tell
  std::optional<std::uint64_t> seq;
};

// Reads events back out of a system under test.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual const SinkSpec& spec() const = 0;
  // Whether read() asks for events of this run alone. Otherwise ids that are not in the ledger are
  // other runs' and say nothing.
  virtual bool only_this_run() const { return false; }
  // Whether events of one key come in the order in which they were stored.
  virtual bool ordered() const { return true; }
  // Calls back for each event of the run, in the order of storage. Errors when it cannot be read
  // to its end: then nothing may be concluded.
  virtual Result<void> read(const LedgerHeader& run,
                            const std::function<void(SinkEvent&&)>& on_event) = 0;
};

Result<std::unique_ptr<Sink>> make_sink(const SinkSpec& spec);

struct FaultWindow {
  std::string name;
  Nanoseconds from{};
  Nanoseconds to{};
};

// Reads all sinks once and compares. `drained` and `why_not` come from the caller, who waited.
//
// Every sink with the role `store` must hold each acked event; one that lacks it makes the event
// lost unless a dead letter queue has it. Events that were sent before, between and after
// `windows` are counted as windows of these names; an event counts in each window it falls into.
// When a sink cannot be read, only what the ledger itself knows is filled in.
Reconciliation reconcile(const Ledger& ledger, const std::vector<std::unique_ptr<Sink>>& sinks,
                         const std::vector<FaultWindow>& windows, bool drained,
                         const std::string& why_not);

}  // namespace stormlog::chaos
