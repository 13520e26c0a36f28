#include "chaos/stack/preflight.hpp"

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "chaos/stack/launch.hpp"
#include "chaos/stack/process_tree.hpp"
#include "chaos/stack/provision.hpp"
#include "common/base/file.hpp"
#include "common/base/process.hpp"

namespace stormlog::chaos {
namespace {

namespace fs = std::filesystem;

class Preflight {
 public:
  explicit Preflight(const Stack& stack) : stack_(stack) {}

  std::vector<std::string> run(const std::vector<const ServiceSpec*>& services) {
    check_home();
    for (const ServiceSpec* service : services) {
      what_ = service->name + ": ";
      check_programs(*service);
      check_templates(*service);
      check_ports(*service);
      check_user(*service);
      check_data(*service);
    }
    return std::move(problems_);
  }

 private:
  void problem(const std::string& text) { problems_.push_back(what_ + text); }

  void check_home() {
    if (auto made = file::make_dirs(stack_.home); !made.ok()) {
      problem(made.error().message);
    } else if (::access(stack_.home.c_str(), W_OK | X_OK) != 0) {
      problem(stack_.home.string() + " is not writable; set STORMLOG_HOME to a folder that is");
    }
  }

  void check_program(const ServiceSpec& service, const std::string& name) {
    const auto program = find_program(name, stack_.root);
    if (program.ok()) return;
    const std::string text = program.error().message;
    const std::string hint =
        service.install_hint.empty() ? "" : "; install: " + service.install_hint;
    if (std::find(reported_.begin(), reported_.end(), what_ + text) != reported_.end()) return;
    reported_.push_back(what_ + text);
    problem(text + hint);
  }

  void check_programs(const ServiceSpec& service) {
    check_program(service, service.command.front());
    if (needs_preparation(service)) {
      for (const auto& step : service.prepare) check_program(service, step.front());
    }
    if (service.health.kind == HealthCheck::Kind::command) {
      check_program(service, service.health.command.front());
    }
  }

  void check_templates(const ServiceSpec& service) {
    for (const auto& rendered : service.files) {
      if (::access(rendered.from.c_str(), R_OK) != 0) {
        problem("cannot read " + rendered.from.string() + ": " + std::strerror(errno));
      }
    }
  }

  void check_ports(const ServiceSpec& service) {
    for (const std::uint16_t port : service.ports) {
      const auto owner = process::listening_on(port);
      if (owner.ok()) {
        problem("port " + std::to_string(port) + " is taken by " + describe_process(*owner) +
                "; stop it, or give this service another port");
      } else if (owner.error().kind == ErrorKind::permanent) {
        problem("port " + std::to_string(port) + " is taken by a process of another user");
      }
    }
  }

  // The first folder on the way to `path` that the user may not enter; empty when there is none.
  static fs::path closed_folder(const fs::path& path, const UserAccount& user) {
    std::array<gid_t, 256> groups{};
    int count = static_cast<int>(groups.size());
    ::getgrouplist(user.name.c_str(), user.gid, groups.data(), &count);
    const auto in_group = [&](gid_t group) {
      return std::find(groups.begin(), groups.begin() + std::min<std::ptrdiff_t>(count, 256),
                       group) != groups.begin() + std::min<std::ptrdiff_t>(count, 256);
    };
    fs::path folder;
    for (const auto& part : path) {
      folder /= part;
      struct stat status {};
      if (::stat(folder.c_str(), &status) != 0) return {};  // not there yet: ours to make
      const mode_t bit = status.st_uid == user.uid ? S_IXUSR
                         : in_group(status.st_gid) ? S_IXGRP
                                                   : S_IXOTH;
      if (S_ISDIR(status.st_mode) && (status.st_mode & bit) == 0) return folder;
    }
    return {};
  }

  void check_user(const ServiceSpec& service) {
    if (service.user.empty() || ::geteuid() != 0) return;
    const auto user = find_user(service.user);
    if (!user.ok()) return problem(user.error().message);
    // The data folder itself is given to the user; those above it are not.
    const fs::path folder = service.data.empty() ? stack_.home : service.data.parent_path();
    if (const fs::path closed = closed_folder(folder, *user); !closed.empty()) {
      problem("user \"" + service.user + "\" cannot enter " + closed.string() + " on the way to " +
              folder.string() + "; chmod o+x " + closed.string() +
              ", or set STORMLOG_HOME to a folder such as /var/lib/stormlog");
    }
  }

  void check_data(const ServiceSpec& service) {
    if (service.data.empty()) return;
    const std::string stamp = data_stamp(service);
    if (!stamp.empty()) {
      if (service.data_version.empty() || stamp == service.data_version) return;
      return problem(service.data.string() + " holds data of version \"" + stamp +
                     "\", the stack file says \"" + service.data_version +
                     "\"; go back to the old one, or remove all data: stormlog down --wipe");
    }
    std::error_code code;
    const bool empty = !fs::exists(service.data, code) || fs::is_empty(service.data, code);
    if (empty || preparation_interrupted(service) || !needs_preparation(service)) return;
    problem(service.data.string() +
            " is not empty and has no version stamp, so it was not "
            "prepared here; move it away, or remove all data: stormlog down --wipe");
  }

  const Stack& stack_;
  std::string what_;
  std::vector<std::string> problems_;
  std::vector<std::string> reported_;
};

}  // namespace

std::vector<std::string> preflight(const Stack& stack,
                                   const std::vector<const ServiceSpec*>& services) {
  return Preflight(stack).run(services);
}

}  // namespace stormlog::chaos
