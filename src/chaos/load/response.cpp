#include "chaos/load/response.hpp"

#include <simdjson.h>

#include <algorithm>

namespace stormlog::chaos {

struct ResponseJudge::Parser {
  simdjson::dom::parser json;

  // False when the body cannot tell which events were refused.
  bool refused(const std::string& body, const std::string& list, const std::string& index_member,
               std::uint32_t events, std::vector<std::uint32_t>& out) {
    simdjson::dom::element document;
    if (json.parse(body).get(document) != simdjson::SUCCESS) return false;
    simdjson::dom::element found;
    const simdjson::error_code missing = document.at_pointer(list).get(found);
    if (missing == simdjson::NO_SUCH_FIELD) return true;  // none was refused
    if (missing != simdjson::SUCCESS) return false;
    if (found.is_null()) return true;
    simdjson::dom::array items;
    if (found.get_array().get(items) != simdjson::SUCCESS) return false;
    for (const simdjson::dom::element item : items) {
      std::uint64_t index = 0;
      simdjson::dom::element member = item;
      if (item.is_object() && item.at_key(index_member).get(member) != simdjson::SUCCESS) {
        return false;
      }
      if (member.get_uint64().get(index) != simdjson::SUCCESS || index >= events) return false;
      out.push_back(static_cast<std::uint32_t>(index));
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return true;
  }
};

ResponseJudge::ResponseJudge(const SendSpec& send)
    : list_(send.rejected_list), index_(send.rejected_index), parser_(std::make_unique<Parser>()) {}

ResponseJudge::~ResponseJudge() = default;

Judgement ResponseJudge::judge(int status, const std::string& body, std::uint32_t events) {
  Judgement judgement;
  if (status >= 300 && status < 500) {
    judgement.outcome = Outcome::rejected;
  } else if (status >= 200 && status < 300) {
    judgement.outcome = Outcome::acked;
  }
  if (judgement.outcome != Outcome::acked) {
    judgement.error = "status " + std::to_string(status);
    return judgement;
  }
  if (list_.empty() || body.empty()) return judgement;

  if (!parser_->refused(body, list_, index_, events, judgement.refused)) {
    judgement.refused.clear();
    judgement.outcome = Outcome::indeterminate;
    judgement.error = "2xx with an unreadable list of refused events";
    return judgement;
  }
  if (judgement.refused.empty()) return judgement;
  judgement.error = "events refused in a 2xx";
  if (judgement.refused.size() == events) judgement.outcome = Outcome::rejected;
  return judgement;
}

}  // namespace stormlog::chaos
