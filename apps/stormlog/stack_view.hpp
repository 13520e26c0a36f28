#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "chaos/stack/service_state.hpp"
#include "command.hpp"

// What `up`, `down`, `status` and `logs` show of the stack.
namespace stormlog::cli {

struct StackView {
  std::filesystem::path home;
  std::optional<ProcessIdentity> supervisor;
  std::vector<std::string> profiles;  // that it was started with
  struct Row {
    chaos::ServiceState state;
    bool foreign = false;
    std::string health;  // what checks its health: "http http://…", "none"
  };
  std::vector<Row> rows;  // in the order of the stack file

  bool all_running() const;
};

// Of the state files, and of the stack file as far as it can be read.
Result<StackView> view_stack(const Context& context);
nlohmann::ordered_json to_json(const StackView& view);
void print_table(const Context& context, const StackView& view);

// "3.4 s", "2 min", "5 h 12 min".
std::string human_time(std::chrono::milliseconds time);

// The last lines of a file, oldest first.
std::vector<std::string> last_lines(const std::filesystem::path& path, std::size_t count);

}  // namespace stormlog::cli
