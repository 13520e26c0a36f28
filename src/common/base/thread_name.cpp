#include "common/base/thread_name.hpp"

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <vector>

namespace stormlog {

void name_thread(const char* name) {
  ::prctl(PR_SET_NAME, name);
}

std::string names_of_other_threads() {
  std::vector<std::string> names;
  std::error_code gone;  // threads end meanwhile
  const std::string own = std::to_string(::gettid());
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", gone)) {
    std::string name;
    if (task.path().filename() == own) continue;
    if (std::getline(std::ifstream(task.path() / "comm"), name)) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace stormlog
