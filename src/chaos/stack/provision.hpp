#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "chaos/stack/stack.hpp"

// The data folder of a service, its rendered files and the stamp that tells its format.
namespace stormlog::chaos {

// What the stamp of a data folder says; "" without one.
std::string data_stamp(const ServiceSpec& service);
// Whether a preparation of this folder was begun and never finished.
bool preparation_interrupted(const ServiceSpec& service);
bool needs_preparation(const ServiceSpec& service);

// Makes the data folder (mode 0700, owned by the service's user where we are root), empties what an
// interrupted preparation has left, and renders the files.
Result<void> provision(const ServiceSpec& service, const document::Variables& variables);

// Around the prepare steps: a marker beside the folder says that they have begun; the stamp in it
// says that they are done. Databases want to find their folder empty, hence not in it.
Result<void> begin_preparation(const ServiceSpec& service);
Result<void> finish_preparation(const ServiceSpec& service);

}  // namespace stormlog::chaos
