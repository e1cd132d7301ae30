// A load generator: a scheduler without decisions and state, which measures the simulated master's capacity.
#pragma once

#include <cstdint>
#include <string>

// Launch this many pods, each with the operation whose text has the placeholders @AGENT@, @FRAMEWORK@ and @NUMBER@, and
// acknowledge all statuses of their tasks. Prints the time taken as JSON, and returns the program's exit status.
int drive(int port, const std::string& operation, uint64_t pods, uint64_t podsPerOffer);
