#include "chaos/fault/undo_journal.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <tuple>

#include "chaos/fault/identity_json.hpp"
#include "common/base/file.hpp"
#include "common/base/random.hpp"

namespace stormlog::chaos {
namespace {

using Json = nlohmann::ordered_json;

std::int64_t unix_ns(WallTime time) {
  return time.time_since_epoch().count();
}

Json record_json(const UndoRecord& record) {
  return {{"id", record.id},
          {"fault", record.fault},
          {"target", record.target},
          {"stack_file", record.stack_file},
          {"profiles", record.profiles},
          {"owner", to_json(record.owner)},
          {"run", record.run},
          {"detached", record.detached},
          {"injected_unix_ns", unix_ns(record.injected)},
          {"expires_unix_ns", unix_ns(record.expires)},
          {"undo", record.undo}};
}

std::optional<UndoRecord> parse(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("id") || !json.contains("undo")) return std::nullopt;
  try {
    UndoRecord record;
    record.id = json.at("id");
    record.fault = json.at("fault");
    record.target = json.at("target");
    record.stack_file = json.at("stack_file");
    record.profiles = json.at("profiles").get<std::vector<std::string>>();
    record.owner = identity_from(json.at("owner"));
    record.run = json.at("run");
    record.detached = json.at("detached");
    record.injected = WallTime{Nanoseconds{json.at("injected_unix_ns").get<std::int64_t>()}};
    record.expires = WallTime{Nanoseconds{json.at("expires_unix_ns").get<std::int64_t>()}};
    record.undo = json.at("undo");
    return record;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

// Keeps one record from being healed by two at once: the watchdog, a person with `heal`. The lock
// is the record's own file, so nothing is left of it when the record is gone.
class RecordLock {
 public:
  explicit RecordLock(const std::filesystem::path& record)
      : fd_(::open(record.c_str(), O_RDONLY | O_CLOEXEC)), error_(fd_ < 0 ? errno : 0) {
    while (fd_ >= 0 && ::flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  ~RecordLock() {
    if (fd_ >= 0) ::close(fd_);
  }
  RecordLock(const RecordLock&) = delete;
  RecordLock& operator=(const RecordLock&) = delete;

  // Another healer may have removed it while this one waited.
  bool still_there() const {
    struct stat status {};
    return fd_ >= 0 && ::fstat(fd_, &status) == 0 && status.st_nlink > 0;
  }
  // Why it cannot be locked; 0 when it is, or when there is no such record.
  int error() const { return error_ == ENOENT ? 0 : error_; }

 private:
  int fd_;
  int error_;
};

// A stack file that has become unreadable must not keep a fault in: its undo says all that matters.
Stack stack_of(const UndoRecord& record, const std::filesystem::path& home) {
  auto loaded = load_stack(record.stack_file, record.profiles);
  Stack stack = loaded.ok() ? std::move(*loaded) : Stack{};
  stack.file = record.stack_file;
  stack.home = home;
  return stack;
}

}  // namespace

UndoJournal::UndoJournal(std::filesystem::path home)
    : home_(std::move(home)), folder_(home_ / "undo") {}

Result<void> UndoJournal::add(const UndoRecord& record) {
  if (auto made = file::make_dirs(folder_); !made.ok()) return made;
  return file::write_atomic(folder_ / (record.id + ".json"), record_json(record).dump() + "\n",
                            0600);
}

Result<void> UndoJournal::remove(const std::string& id) {
  std::error_code error;
  std::filesystem::remove(folder_ / (id + ".json"), error);
  if (error) return Error::permanent((folder_ / id).string() + ": " + error.message());
  return {};
}

Result<std::vector<UndoRecord>> UndoJournal::list(std::vector<std::string>* damaged) const {
  std::vector<UndoRecord> records;
  std::error_code error;
  if (!std::filesystem::exists(folder_, error)) return records;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    if (entry.path().extension() != ".json") continue;
    const auto text = file::read(entry.path());
    if (!text.ok() && !std::filesystem::exists(entry.path())) continue;  // healed meanwhile
    auto record = text.ok() ? parse(*text) : std::nullopt;
    // The id names files: one that does not name its own is nobody's.
    if (record && record->id == entry.path().stem()) {
      records.push_back(std::move(*record));
    } else if (damaged != nullptr) {
      damaged->push_back(entry.path().string());
    }
  }
  if (error) return Error::permanent(folder_.string() + ": " + error.message());
  std::sort(records.begin(), records.end(), [](const UndoRecord& a, const UndoRecord& b) {
    return std::tie(a.injected, a.id) < std::tie(b.injected, b.id);
  });
  return records;
}

Result<void> UndoJournal::heal(const UndoRecord& record) {
  const std::filesystem::path path = folder_ / (record.id + ".json");
  const RecordLock lock(path);
  if (lock.error() != 0) {
    return Error::permanent(path.string() + ": " + std::strerror(lock.error()));
  }
  if (!lock.still_there()) return {};
  const FaultKind* kind = find_fault_kind(record.fault);
  if (kind == nullptr) {
    return Error::permanent("undo record " + record.id + ": unknown fault " + record.fault);
  }
  try {
    auto healed = kind->heal_from(stack_of(record, home_), record.undo);
    if (!healed.ok()) return healed.error().in("undo record " + record.id);
  } catch (const nlohmann::json::exception& e) {
    return Error::permanent("undo record " + record.id + ": " + e.what());
  }
  return remove(record.id);
}

std::string new_fault_id() {
  Random random(Random::entropy_seed());
  std::string id = "f-";
  for (int i = 0; i < 10; ++i) id += static_cast<char>('a' + random.below(26));
  return id;
}

}  // namespace stormlog::chaos
