#include "words.hpp"

#include <nlohmann/json.hpp>

#include "chaos/check/check.hpp"
#include "chaos/fault/fault.hpp"
#include "chaos/probe/probe.hpp"
#include "proxy/toxic/toxic_type.hpp"

namespace stormlog::cli {
namespace {

using document::ParamSpec;
using document::ParamType;
using Json = nlohmann::ordered_json;

constexpr const char* kPlaceholder = "…";

// The required parameters, as a file would have them.
std::string required_text(const std::vector<ParamSpec>& params) {
  std::string text;
  for (const ParamSpec& param : params) {
    if (param.required) text += ", " + param.name + ": " + kPlaceholder;
  }
  return text;
}

WordInfo fault_word(const chaos::FaultKind& kind) {
  using Duration = chaos::FaultKind::Duration;
  WordInfo word{"fault", kind.name, kind.summary, {}, {}};
  word.params.push_back({.name = "target",
                         .required = true,
                         .description = "What is hit: a " + kind.target_kind + " of the stack."});
  word.params.push_back(
      {.name = "at",
       .type = ParamType::duration,
       .description = "From the load's start; when the step before has ended if absent."});
  std::string duration;
  if (kind.duration != Duration::one_off) {
    const bool required = kind.duration == Duration::lasting;
    word.params.push_back({.name = "for",
                           .type = ParamType::duration,
                           .required = required,
                           .description = required ? "Time until it is healed."
                                                   : "Time until it is healed; once if absent."});
    if (required) duration = ", for: 10s";
  }
  word.example = "{at: 10s, fault: " + kind.name + ", target: " + kPlaceholder + duration +
                 required_text(kind.params) + "}";
  word.params.insert(word.params.end(), kind.params.begin(), kind.params.end());
  return word;
}

WordInfo probe_word(const chaos::ProbeKind& kind) {
  WordInfo word{"probe", kind.name, kind.summary, kind.params, {}};
  word.params.push_back({.name = "expect",
                         .type = ParamType::node,
                         .required = kind.default_expect.empty(),
                         .default_text = kind.default_expect,
                         .description = "What must hold of the value it sees."});
  word.params.push_back({.name = "name", .description = "How reports call it."});
  word.example = "{probe: " + kind.name + required_text(kind.params) +
                 (kind.default_expect.empty() ? ", expect: {max: 100}}" : "}");
  return word;
}

WordInfo check_word(const chaos::CheckKind& kind) {
  WordInfo word{"check", kind.name, kind.summary, kind.params, {}};
  const std::string required = required_text(kind.params);
  word.example = required.empty() ? kind.name : "{check: " + kind.name + required + "}";
  return word;
}

ParamSpec attribute_spec(const proxy::AttributeSpec& attribute) {
  ParamSpec spec{.name = attribute.name,
                 .description = attribute.summary +
                                (attribute.unit.empty() ? "" : " In " + attribute.unit + "."),
                 .choices = attribute.choices,
                 .min = attribute.least,
                 .max = attribute.most};
  if (const auto* text = std::get_if<std::string>(&attribute.fallback)) {
    spec.default_text = *text;
  } else if (const auto* whole = std::get_if<std::int64_t>(&attribute.fallback)) {
    spec.type = ParamType::integer;
    spec.default_text = std::to_string(*whole);
  } else {
    spec.type = ParamType::number;
    spec.default_text = Json(std::get<double>(attribute.fallback)).dump();
  }
  return spec;
}

WordInfo toxic_word(const proxy::ToxicType& type) {
  WordInfo word{"toxic", type.name, type.summary, {}, {}};
  std::string attributes;
  for (const auto& attribute : type.attributes) {
    word.params.push_back(attribute_spec(attribute));
    if (attributes.empty()) attributes = ", \"attributes\": {\"" + attribute.name + "\": …}";
  }
  word.example = "{\"type\": \"" + type.name + "\", \"stream\": \"downstream\", \"toxicity\": 1.0" +
                 attributes + "}";
  return word;
}

}  // namespace

std::vector<WordInfo> words_of(const std::string& plural) {
  std::vector<WordInfo> words;
  if (plural.empty() || plural == "faults") {
    for (const chaos::FaultKind* kind : chaos::fault_kinds()) words.push_back(fault_word(*kind));
  }
  if (plural.empty() || plural == "probes") {
    for (const chaos::ProbeKind* kind : chaos::probe_kinds()) words.push_back(probe_word(*kind));
  }
  if (plural.empty() || plural == "checks") {
    for (const chaos::CheckKind* kind : chaos::check_kinds()) words.push_back(check_word(*kind));
  }
  if (plural.empty() || plural == "toxics") {
    for (const proxy::ToxicType* type : proxy::toxic_types()) words.push_back(toxic_word(*type));
  }
  return words;
}

Json to_json(const WordInfo& word) {
  Json params = Json::array();
  for (const ParamSpec& param : word.params) {
    Json entry = {{"name", param.name},
                  {"type", std::string(document::to_string(param.type))},
                  {"required", param.required},
                  {"description", param.description}};
    if (!param.default_text.empty()) entry["default"] = param.default_text;
    if (!param.choices.empty()) entry["choices"] = param.choices;
    if (param.min) entry["min"] = *param.min;
    if (param.max) entry["max"] = *param.max;
    params.push_back(std::move(entry));
  }
  return {{"kind", word.group},
          {"name", word.name},
          {"summary", word.summary},
          {"example", word.example},
          {"params", std::move(params)}};
}

}  // namespace stormlog::cli
