#include "chaos/report/report.hpp"

#include "common/base/file.hpp"

namespace stormlog::chaos {

Result<void> write_reports(const RunOutcome& outcome) {
  // The verdict last: whoever finds it finds the rest, too.
  if (auto written = file::write_atomic(outcome.folder / "junit.xml", junit_xml(outcome));
      !written.ok()) {
    return written.error();
  }
  // Text of a foreign system may not be UTF-8; it must not cost the verdict.
  const std::string text =
      verdict_json(outcome).dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return file::write_atomic(outcome.folder / "verdict.json", text + "\n");
}

}  // namespace stormlog::chaos
