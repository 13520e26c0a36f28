#pragma once

#include <iosfwd>
#include <string>

#include "common/base/result.hpp"

namespace stormlog::pipeline {

// 256 random bits as "slt_" and 43 letters; the prefix lets scanners for leaked secrets know it.
std::string make_token();

// What --new-token does: makes a token for "NAME:SCOPE[,SCOPE…]", such as "shop:write" or
// "ops:read,admin". Writes the entry for the tokens file to `entry_out`, so that it can be appended
// to the file by >>, and the token, which is told this once, to `token_out`.
//
// Errors: permanent, for a name or scope that is none.
Result<void> print_new_token(const std::string& wish, std::ostream& entry_out,
                             std::ostream& token_out);

}  // namespace stormlog::pipeline
