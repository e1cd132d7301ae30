// A scheduler that decides and remembers nothing: how much can the simulated master take?
#pragma once

#include <cstdint>
#include <string>

// Launch so many pods, each by the operation whose text has @AGENT@, @FRAMEWORK@ and @NUMBER@ in the places of ids, and
// acknowledge all that is said of their tasks. Prints what it took as JSON; gives the program's exit status.
int drive(int port, const std::string& operation, uint64_t pods, uint64_t podsPerOffer);
