#include "chaos/stack/process_tree.hpp"

#include <unistd.h>

#include <charconv>
#include <cstring>
#include <filesystem>
#include <set>
#include <sstream>

#include "common/base/file.hpp"

namespace stormlog::chaos {
namespace {

struct Entry {
  pid_t pid = 0;
  char state = '?';
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  std::uint64_t start_ticks = 0;
};

// Source: proc(5), /proc/PID/stat: fields count from the last bracket.
std::vector<Entry> all_processes() {
  std::vector<Entry> entries;
  std::error_code code;
  for (const auto& folder : std::filesystem::directory_iterator("/proc", code)) {
    const std::string name = folder.path().filename().string();
    Entry entry;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), entry.pid);
    if (error != std::errc() || end != name.data() + name.size()) continue;
    const auto text = file::read(folder.path() / "stat");
    const std::size_t bracket = text.ok() ? text->rfind(')') : std::string::npos;
    if (bracket == std::string::npos) continue;
    std::istringstream fields(text->substr(bracket + 1));
    std::string skipped;
    fields >> entry.state >> entry.parent >> entry.group >> entry.session;
    for (int field = 7; field < 22; ++field) fields >> skipped;
    if (fields >> entry.start_ticks) entries.push_back(entry);
  }
  return entries;
}

bool lives(const Entry& entry) {
  return entry.state != 'Z' && entry.state != 'X';
}

// False for kernel threads and zombies, which run no program.
bool has_program(pid_t pid) {
  std::error_code code;
  return !std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/exe", code).empty();
}

// A line of a file under /proc/PID such as "VmRSS:  1234 kB"; empty when the process has ended, or
// when the file may not be read.
std::optional<std::uint64_t> kilobyte_line(pid_t pid, const char* name, std::string_view field) {
  const auto text = file::read("/proc/" + std::to_string(pid) + "/" + name);
  const std::size_t at = text.ok() ? text->find(field) : std::string::npos;
  if (at == std::string::npos) return std::nullopt;
  std::istringstream rest(text->substr(at + field.size()));
  std::uint64_t kilobytes = 0;
  if (!(rest >> kilobytes)) return std::nullopt;
  return kilobytes * 1024;
}

}  // namespace

std::vector<ProcessIdentity> members_of(const ProcessIdentity& leader) {
  const std::vector<Entry> entries = all_processes();
  for (const auto& entry : entries) {
    if (entry.pid == leader.pid && entry.start_ticks != leader.start_ticks) return {};
  }
  std::set<pid_t> family = {leader.pid};
  for (bool grew = true; grew;) {
    grew = false;
    for (const auto& entry : entries) {
      const bool belongs =
          entry.group == leader.pid || entry.session == leader.pid || family.contains(entry.parent);
      if (belongs && family.insert(entry.pid).second) grew = true;
    }
  }
  std::vector<ProcessIdentity> members;
  for (const auto& entry : entries) {
    if (entry.pid == leader.pid || !family.contains(entry.pid) || !lives(entry)) continue;
    members.push_back({entry.pid, entry.start_ticks, leader.boot_id});
  }
  return members;
}

std::optional<std::uint64_t> resident_bytes(const ProcessIdentity& leader) {
  if (!process::alive(leader)) return std::nullopt;
  // A page's share counts, so that what a server and its workers share is there once, be it a
  // segment or what a fork has not yet copied. smaps_rollup of somebody else's process may be
  // closed to us.
  const auto share = kilobyte_line(leader.pid, "smaps_rollup", "\nPss:");
  const auto own = share ? share : kilobyte_line(leader.pid, "status", "VmRSS:");
  if (!own) return std::nullopt;
  std::uint64_t all = *own;
  for (const ProcessIdentity& member : members_of(leader)) {
    const auto more = share ? kilobyte_line(member.pid, "smaps_rollup", "\nPss:")
                            : kilobyte_line(member.pid, "status", "RssAnon:");
    all += more.value_or(0);
  }
  // The PID may have been given away while it was read.
  return process::alive(leader) ? std::optional(all) : std::nullopt;
}

std::vector<Child> children_of(pid_t parent) {
  std::vector<Child> children;
  for (const auto& entry : all_processes()) {
    if (entry.parent != parent || !lives(entry)) continue;
    const auto identity = process::identify(entry.pid);
    if (identity.ok() && identity->start_ticks == entry.start_ticks) {
      children.push_back({*identity, entry.session});
    }
  }
  return children;
}

bool started_with(pid_t pid, const std::string& name, const std::string& value) {
  const std::string path = "/proc/" + std::to_string(pid) + "/environ";
  auto text = file::read(path);
  // In the middle of an execve the new environment is not yet in place and reads as empty. A
  // process that really has none (a kernel thread, a zombie) costs these few looks.
  for (int look = 0; look < 20 && text.ok() && text->empty() && has_program(pid); ++look) {
    ::usleep(500);
    text = file::read(path);
  }
  if (!text.ok()) return false;
  const std::string wanted = name + "=" + value;
  std::istringstream entries(*text);
  for (std::string entry; std::getline(entries, entry, '\0');) {
    if (entry == wanted) return true;
  }
  return false;
}

std::vector<ProcessIdentity> all_started_with(const std::string& name, const std::string& value) {
  std::vector<ProcessIdentity> found;
  for (const auto& entry : all_processes()) {
    if (!lives(entry)) continue;
    const auto identity = process::identify(entry.pid);
    if (!identity.ok() || !started_with(entry.pid, name, value)) continue;
    // The PID is still that of the process whose environment was read.
    if (process::alive(*identity)) found.push_back(*identity);
  }
  return found;
}

std::string describe_process(const ProcessIdentity& identity) {
  auto name = file::read("/proc/" + std::to_string(identity.pid) + "/comm");
  std::string text = name.ok() ? *name : "a process";
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text + " (PID " + std::to_string(identity.pid) + ")";
}

}  // namespace stormlog::chaos
