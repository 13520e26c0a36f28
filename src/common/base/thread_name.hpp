#pragma once

#include <string>

namespace stormlog {

// What ps -L, top -H and a debugger call the calling thread; of a longer name the first 15
// characters. The first thread of a program keeps the program's name.
// Source: pthread_setname_np(3).
void name_thread(const char* name);

// The names of the threads of this process other than the caller's, sorted: "ingest, rdk:main".
std::string names_of_other_threads();

}  // namespace stormlog
