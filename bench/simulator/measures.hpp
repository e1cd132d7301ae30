// Statistics of the simulated master: the counts and times that a benchmark reads.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

double monotonic();  // seconds, of the clock that Python calls time.monotonic()
double wallClock();

struct Measures {
  std::map<std::string, uint64_t> calls;     // by type
  std::map<std::string, uint64_t> problems;  // what a scheduler did wrong, by kind; none in a good run
  uint64_t launchGroups = 0, launchBytes = 0;
  uint64_t offerEvents = 0, offersSent = 0, offersAccepted = 0, offersDeclined = 0;
  uint64_t updatesSent = 0, updatesRepeated = 0, updatesStale = 0, updatesAcknowledged = 0, updatesOutstanding = 0;
  double subscribedAt = 0, firstOfferAt = 0, firstAcceptAt = 0, lastAcceptAt = 0, lastAcknowledgedAt = 0;  // 0: never

  // Seconds from writing an offer or update to the call that answers it.
  std::vector<float> accept, decline, acknowledge;

  void reset();  // the times and latencies; counts stay
};

std::string percentiles(std::vector<float> seconds);  // as JSON
std::string counts(const std::map<std::string, uint64_t>& by);

// A JSON object that grows member by member.
class Object {
 public:
  Object& add(const char* name, double value);
  Object& add(const char* name, uint64_t value);
  Object& add(const char* name, bool value) = delete;
  Object& addJson(const char* name, const std::string& json);
  Object& addText(const char* name, const std::string& text);
  std::string text() const { return text_.empty() ? "{}" : text_ + "}"; }

 private:
  std::string text_;
};
