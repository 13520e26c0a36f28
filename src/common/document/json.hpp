#pragma once

#include <nlohmann/json_fwd.hpp>

#include "common/document/node.hpp"

namespace stormlog::document {

// The tree as JSON. Plain scalars become numbers and booleans (true and false alone) where they
// are written as such in JSON's own syntax; everything else is text.
nlohmann::ordered_json to_json(const Node& node);

}  // namespace stormlog::document
