#include "resources.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

using std::string;

namespace {

int64_t thousandths(double value) { return std::llround(value * 1000); }

void normalise(std::vector<Range>& ranges) {
  std::sort(ranges.begin(), ranges.end());
  size_t kept = 0;
  for (size_t at = 0; at < ranges.size(); ++at) {
    if (kept > 0 && ranges[at].first <= ranges[kept - 1].second + 1)
      ranges[kept - 1].second = std::max(ranges[kept - 1].second, ranges[at].second);
    else
      ranges[kept++] = ranges[at];
  }
  ranges.resize(kept);
}

void writeOwner(string& out, const string& role, bool isRefined) {
  out += ",\"allocation_info\":{\"role\":";
  json::quote(out, role);
  out += isRefined ? "}}" : "},\"role\":\"*\"}";
}

void writeScalar(string& out, const char* name, int64_t amount) {
  char text[96];
  out.append(text, snprintf(text, sizeof text, "{\"name\":\"%s\",\"type\":\"SCALAR\",\"scalar\":{\"value\":%.3f}", name,
                            static_cast<double>(amount) / 1000));
}

}  // namespace

string Resources::add(const json::Value& list, const string& role) {
  for (const json::Value& each : list.items()) {
    const string name = each["name"].text();
    const json::Value allocated = each["allocation_info"]["role"];
    if (allocated && !allocated.is(role)) return "resources allocated to another role than the offer's";
    if (name == "ports") {
      for (const json::Value& range : each["ranges"]["range"].items())
        ports.emplace_back(range["begin"].number(-1), range["end"].number(-1));
      continue;
    }
    const double amount = each["scalar"]["value"].number(-1);
    if (amount < 0) return "a resource without a quantity: " + string(each.raw());
    if (name == "cpus") cpus += thousandths(amount);
    else if (name == "mem") mem += thousandths(amount);
    else if (name == "disk") disk += thousandths(amount);
    else return "a resource that no agent here has: " + name;
  }
  int64_t counted = 0;
  for (const Range& range : ports) counted += range.second - range.first + 1;
  normalise(ports);
  for (const Range& range : ports) counted -= range.second - range.first + 1;
  return counted == 0 ? "" : "a port that is asked for twice";
}

void Resources::add(const Resources& other) {
  cpus += other.cpus;
  mem += other.mem;
  disk += other.disk;
  if (other.ports.empty()) return;
  ports.insert(ports.end(), other.ports.begin(), other.ports.end());
  normalise(ports);
}

void Resources::subtract(const Resources& other) {
  cpus -= other.cpus;
  mem -= other.mem;
  disk -= other.disk;
  for (const Range& gone : other.ports) {
    std::vector<Range> rest;
    for (const Range& range : ports) {
      if (range.first < gone.first) rest.emplace_back(range.first, std::min(range.second, gone.first - 1));
      if (range.second > gone.second) rest.emplace_back(std::max(range.first, gone.second + 1), range.second);
    }
    ports.swap(rest);
  }
}

bool Resources::contains(const Resources& other) const {
  if (cpus < other.cpus || mem < other.mem || disk < other.disk) return false;
  return std::all_of(other.ports.begin(), other.ports.end(), [&](const Range& wanted) {
    return std::any_of(ports.begin(), ports.end(), [&](const Range& range) {
      return range.first <= wanted.first && wanted.second <= range.second;
    });
  });
}

void Resources::write(string& out, const string& role, bool isRefined) const {
  out += '[';
  if (!ports.empty()) {
    out += "{\"name\":\"ports\",\"type\":\"RANGES\",\"ranges\":{\"range\":[";
    for (const Range& range : ports)
      out += "{\"begin\":" + std::to_string(range.first) + ",\"end\":" + std::to_string(range.second) + "},";
    out.back() = ']';
    out += '}';
    writeOwner(out, role, isRefined);
    out += ',';
  }
  const std::pair<const char*, int64_t> scalars[] = {{"cpus", cpus}, {"mem", mem}, {"disk", disk}};
  for (const auto& [name, amount] : scalars) {
    if (amount == 0) continue;
    writeScalar(out, name, amount);
    writeOwner(out, role, isRefined);
    out += ',';
  }
  if (out.back() == ',') out.pop_back();
  out += ']';
}
