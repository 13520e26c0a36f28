#include <poll.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <ostream>

#include "chaos/stack/service_record.hpp"
#include "command.hpp"
#include "common/base/suggest.hpp"
#include "stack_view.hpp"

namespace stormlog::cli {
namespace {

namespace fs = std::filesystem;

class Logs final : public Command {
 public:
  std::string name() const override { return "logs"; }
  std::string summary() const override {
    return "Show what a service, or `supervisor`, has written";
  }

  void define(Arguments& arguments) override {
    arguments.positional("name", &service_, true, "Service, or supervisor");
    arguments.flag("-f,--follow", &follow_, "Go on as it is written, until Ctrl-C");
    arguments.option("-n,--lines", &lines_, 0, 1'000'000, "How many lines from the end");
  }

  int run(const Context& context) override {
    auto path = context.stack_path();
    if (!path.ok()) return context.fail(path.error(), kUsage);
    const fs::path home = chaos::stack_home(*path);
    const fs::path log = chaos::log_file(home, service_);
    std::error_code code;
    if (!fs::exists(log, code)) return context.fail(missing(context, home), kUsage);
    const auto tail = last_lines(log, static_cast<std::size_t>(lines_));
    if (context.json) {
      context.print({{"service", service_}, {"file", log.string()}, {"lines", tail}});
      return kOk;
    }
    auto size = static_cast<std::streamoff>(fs::file_size(log, code));
    for (const auto& line : tail) context.out << line << "\n";
    context.out.flush();
    while (follow_ && context.out) {
      ::poll(nullptr, 0, 200);
      size = copy_new(log, size, context.out);
    }
    return kOk;
  }

 private:
  // Copies what was written behind `from`; starts anew when the file was rotated.
  static std::streamoff copy_new(const fs::path& log, std::streamoff from, std::ostream& out) {
    std::ifstream stream(log, std::ios::binary | std::ios::ate);
    if (!stream) return 0;
    const std::streamoff size = stream.tellg();
    if (size < from) from = 0;
    if (size == from) return size;
    stream.seekg(from);
    std::string part(static_cast<std::size_t>(size - from), '\0');
    stream.read(part.data(), size - from);
    out.write(part.data(), stream.gcount());
    out.flush();
    return from + stream.gcount();
  }

  Error missing(const Context& context, const fs::path& home) const {
    std::vector<std::string> names = {"supervisor"};
    const auto stack = context.load_stack();
    if (stack.ok()) {
      for (const auto& name : stack->service_names()) names.push_back(name);
    }
    if (std::find(names.begin(), names.end(), service_) == names.end()) {
      return Error::permanent("unknown service \"" + service_ + "\"" +
                              did_you_mean(service_, names));
    }
    return Error::permanent("\"" + service_ + "\" has written nothing yet under " +
                            (home / "logs").string());
  }

  std::string service_;
  bool follow_ = false;
  std::int64_t lines_ = 100;
};

}  // namespace

std::unique_ptr<Command> make_logs() {
  return std::make_unique<Logs>();
}

}  // namespace stormlog::cli
