#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace stormlog::pipeline {

// Reads a stream's labels as Loki's protobuf has them: {app="shop", env="prod"}. Values are quoted
// as in Go, or with backticks. Calls on_label for each, in order; the name is a part of `text`.
// Errors: permanent, where it is not such a list.
// Source: Loki, LogQL stream selector; Go specification, String literals.
Result<void> parse_loki_labels(
    std::string_view text,
    const std::function<void(std::string_view name, const std::string& value)>& on_label);

}  // namespace stormlog::pipeline
