#include "chaos/runner/run_folder.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "common/base/file.hpp"
#include "common/base/units.hpp"

namespace stormlog::chaos {
namespace {

constexpr const char* kEngineFile = "engine.json";

// 20260131T120000Z
std::string compact_time(WallTime time) {
  std::string text = units::format_rfc3339(time, 0);
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text;
}

}  // namespace

std::string slug_of(const std::string& text) {
  constexpr std::size_t kLongest = 48;
  std::string slug;
  for (const char c : std::filesystem::path(text).stem().string()) {
    const bool kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (kept) {
      slug += c;
    } else if (c >= 'A' && c <= 'Z') {
      slug += static_cast<char>(c - 'A' + 'a');
    } else if (!slug.empty() && slug.back() != '-') {
      slug += '-';
    }
  }
  slug = slug.substr(0, kLongest);
  while (!slug.empty() && slug.back() == '-') slug.pop_back();
  return slug.empty() ? "run" : slug;
}

Result<RunFolder> create_run_folder(const std::filesystem::path& runs, const std::string& slug,
                                    WallTime now) {
  if (auto made = file::make_dirs(runs); !made.ok()) return made.error();
  constexpr int kMostInOneSecond = 100;
  const std::string base = compact_time(now) + "-" + slug;
  for (int i = 1; i <= kMostInOneSecond; ++i) {
    const std::string name = i == 1 ? base : base + "-" + std::to_string(i);
    std::error_code error;
    if (std::filesystem::create_directory(runs / name, error)) return RunFolder{runs / name, name};
    if (error) {
      return Error::permanent((runs / name).string() +
                              ": cannot create the run's folder: " + error.message());
    }
  }
  return Error::permanent(runs.string() + ": too many runs named " + base);
}

Result<void> write_engine(const RunFolder& folder) {
  const auto self = process::identify(::getpid());
  if (!self.ok()) return self.error();
  const nlohmann::ordered_json json = {
      {"pid", self->pid}, {"start_ticks", self->start_ticks}, {"boot_id", self->boot_id}};
  return file::write_atomic(folder.path / kEngineFile, json.dump() + "\n");
}

void remove_engine(const RunFolder& folder) {
  std::error_code ignored;  // a leftover names a process that has ended: harmless
  std::filesystem::remove(folder.path / kEngineFile, ignored);
}

std::optional<ProcessIdentity> read_engine(const std::filesystem::path& folder) {
  const auto text = file::read(folder / kEngineFile);
  if (!text.ok()) return std::nullopt;
  const auto json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  ProcessIdentity identity;
  identity.pid = json.value("pid", 0);
  identity.start_ticks = json.value("start_ticks", std::uint64_t{0});
  identity.boot_id = json.value("boot_id", "");
  if (identity.pid <= 0 || !process::alive(identity)) return std::nullopt;
  return identity;
}

std::vector<std::filesystem::path> list_run_folders(const std::filesystem::path& runs) {
  std::vector<std::filesystem::path> folders;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(runs, error)) {
    if (std::filesystem::exists(entry.path() / "journal.ndjson", error)) {
      folders.push_back(entry.path());
    }
  }
  std::sort(folders.rbegin(), folders.rend());
  return folders;
}

}  // namespace stormlog::chaos
