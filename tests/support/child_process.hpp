#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

// Real programs as parts of a test.
namespace stormlog::test {

// A folder that is removed at the end. `for_user` owns it when the test runs as root.
class TempFolder {
 public:
  explicit TempFolder(const std::string& for_user = "");
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// A port of 127.0.0.1 that was free a moment ago, each call another one.
int free_port();

// Tries until it holds; false after `limit`. For conditions of real programs: generous limits.
bool eventually(const std::function<bool()>& holds,
                std::chrono::milliseconds limit = std::chrono::seconds{30});

// One child process. It dies with the test (PR_SET_PDEATHSIG), also when that is killed.
class ChildProcess {
 public:
  struct Options {
    std::vector<std::string> argv;
    std::filesystem::path output;  // both streams, appended; empty: inherited
    std::string user;              // switched to when the test runs as root
  };

  // Throws std::runtime_error when it cannot be started.
  explicit ChildProcess(const Options& options);
  ~ChildProcess();  // SIGKILL
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  bool running();
  void signal(int number);
  // The wait status, or empty when it still runs after `limit`.
  std::optional<int> wait(std::chrono::milliseconds limit);
  void kill9();

 private:
  pid_t pid_ = -1;
  std::optional<int> status_;
};

// Runs to its end; throws with the output when it fails.
void run(const std::vector<std::string>& argv, const std::string& user = "");

}  // namespace stormlog::test
