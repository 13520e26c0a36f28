#include "chaos/fault/undo_journal.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

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

// Serialises healing between processes: the engine, the watchdog, and a person with `heal`.
class HealLock {
 public:
  explicit HealLock(const std::filesystem::path& folder)
      : fd_(::open((folder / "heal.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (fd_ >= 0) ::flock(fd_, LOCK_EX);
  }
  ~HealLock() {
    if (fd_ >= 0) ::close(fd_);
  }
  HealLock(const HealLock&) = delete;
  HealLock& operator=(const HealLock&) = delete;

 private:
  int fd_;
};

}  // namespace

UndoJournal::UndoJournal(std::filesystem::path home) : folder_(std::move(home) / "undo") {}

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
    if (record) {
      records.push_back(std::move(*record));
    } else if (damaged != nullptr) {
      damaged->push_back(entry.path().string());
    }
  }
  if (error) return Error::permanent(folder_.string() + ": " + error.message());
  return records;
}

Result<void> UndoJournal::heal(const UndoRecord& record) {
  const HealLock lock(folder_);
  std::error_code error;
  if (!std::filesystem::exists(folder_ / (record.id + ".json"), error)) return {};
  const FaultKind* kind = find_fault_kind(record.fault);
  if (kind == nullptr) {
    return Error::permanent("undo record " + record.id + ": unknown fault " + record.fault);
  }
  const auto stack = load_stack(record.stack_file, record.profiles);
  if (!stack.ok()) return stack.error().in("undo record " + record.id);
  if (auto healed = kind->heal_from(*stack, record.undo); !healed.ok()) return healed;
  return remove(record.id);
}

std::string new_fault_id() {
  Random random(Random::entropy_seed());
  std::string id = "f-";
  for (int i = 0; i < 10; ++i) id += static_cast<char>('a' + random.below(26));
  return id;
}

}  // namespace stormlog::chaos
