// Quantities of an agent, as Mesos counts them: scalars in thousandths, ports in ranges.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "json.hpp"

using Range = std::pair<int, int>;  // both ends included

struct Resources {
  int64_t cpus = 0, mem = 0, disk = 0;
  std::vector<Range> ports;  // sorted, apart from each other

  // Add a `resources` list that is allocated to `role`. Returns an error, or "" if there is none.
  std::string add(const json::Value& list, const std::string& role);
  void add(const Resources& other);
  void subtract(const Resources& other);  // that it contains
  bool contains(const Resources& other) const;
  bool isAllocatable() const { return cpus >= 10 || mem >= 32000; }  // the allocator's least
  void write(std::string& out, const std::string& role, bool isRefined) const;  // as an offer's `resources`
};
