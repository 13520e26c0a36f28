#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "chaos/experiment/run_record.hpp"
#include "chaos/stack/stack.hpp"
#include "common/base/file.hpp"
#include "common/base/result.hpp"
#include "common/base/uuid.hpp"

// The ledger: what became of each event that the load generator sent. A binary, append-only file;
// a request is written before it is sent and again when it has ended, so that after a crash of the
// engine what was under way reads as indeterminate.
namespace stormlog::chaos {

struct LedgerEvent {
  Uuid id;
  std::uint32_t key = 0;
  std::uint64_t seq = 0;  // from 1, ascends within its key
};

struct LedgerHeader {
  std::string run;      // mark of the events
  std::uint64_t seed = 0;
  WallTime started{};   // wall time of offset 0
  std::string target;   // URL
};

// Threads: caller synchronises. Errors: permanent, with the path; the run must then stop.
class LedgerWriter {
 public:
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

// One event as a sink holds it.
struct SinkEvent {
  std::string id;
  std::string key;   // "" when the sink does not tell
  std::optional<std::uint64_t> seq;
};

// Reads events back out of a system under test.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual const SinkSpec& spec() const = 0;
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
Reconciliation reconcile(const Ledger& ledger, const std::vector<std::unique_ptr<Sink>>& sinks,
                         const std::vector<FaultWindow>& windows, bool drained,
                         const std::string& why_not);

}  // namespace stormlog::chaos
