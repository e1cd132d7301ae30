#include "measures.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "json.hpp"

using std::string;

namespace {

double clockSeconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

}  // namespace

double monotonic() { return clockSeconds(CLOCK_MONOTONIC); }
double wallClock() { return clockSeconds(CLOCK_REALTIME); }

void Measures::reset() {
  firstOfferAt = firstAcceptAt = lastAcceptAt = lastAcknowledgedAt = 0;
  accept.clear();
  decline.clear();
  acknowledge.clear();
}

string percentiles(std::vector<float> seconds) {
  std::sort(seconds.begin(), seconds.end());
  Object found;
  found.add("count", static_cast<uint64_t>(seconds.size()));
  if (seconds.empty()) return found.text();
  // The smallest value that is not below this percentage of all values.
  const auto rank = [&](size_t percent) { return double(seconds[(seconds.size() * percent + 99) / 100 - 1]); };
  return found.add("p50", rank(50)).add("p90", rank(90)).add("p99", rank(99)).add("max", double(seconds.back())).text();
}

string counts(const std::map<string, uint64_t>& by) {
  Object found;
  for (const auto& [name, count] : by) found.add(name.c_str(), count);
  return found.text();
}

Object& Object::addJson(const char* name, const string& json) {
  text_ += text_.empty() ? "{" : ",";
  json::quote(text_, name);
  text_ += ":" + json;
  return *this;
}

Object& Object::add(const char* name, double value) {
  char text[40];
  snprintf(text, sizeof text, "%.9g", value);
  // Times since boot need more digits than latencies.
  if (value > 1000) snprintf(text, sizeof text, "%.6f", value);
  return addJson(name, text);
}

Object& Object::add(const char* name, uint64_t value) { return addJson(name, std::to_string(value)); }

Object& Object::addText(const char* name, const string& text) {
  string quoted;
  json::quote(quoted, text);
  return addJson(name, quoted);
}
