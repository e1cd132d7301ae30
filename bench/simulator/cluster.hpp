// The agents, their free resources, and the roles these are offered to: the allocator's part of a master.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "resources.hpp"

// The resources of every agent.
struct Shape {
  uint32_t agents = 10;
  Resources resources;
};

struct Offer {
  uint32_t agent = 0;
  std::string role;
  Resources resources;
  double sentAt = 0;
};

// A role that receives offers.
struct Bidder {
  std::string frameworkId;
  std::vector<std::string> roles;  // those that are not suppressed
  bool isRefined = false;          // RESERVATION_REFINEMENT
};

class Cluster {
 public:
  Cluster(const Shape& shape, const std::string& masterId, int port);

  size_t size() const { return agents_.size(); }
  const std::string& agentId(uint32_t agent) const { return agents_[agent].id; }
  int64_t find(const std::string& agentId) const;  // -1: none
  std::string list() const;                        // as the master's /slaves

  // Offer everything that is free and was not refused. Returns the number of offers in the resulting event; their time is
  // that of its completion.
  size_t allocate(const Bidder& bidder, std::string& event);
  size_t offersOut() const { return offers_.size(); }
  bool claim(const std::string& offerId, Offer& into);  // the offer is used up; false: it is not valid
  void rescindAll();                                    // the framework is away

  void recover(uint32_t agent, const Resources& unused);  // free again
  void refuse(uint32_t agent, const std::string& role, const Resources& unused, double until);
  void forgetRefusals(const std::set<std::string>& roles);

 private:
  struct Refusal {
    std::string role;
    Resources resources;
    double until;
  };
  struct Agent {
    std::string id, about;  // about: the members of an offer that do not change
    Resources free;
    std::vector<Refusal> refusals;
  };
  const std::string* roleFor(Agent& agent, const Bidder& bidder, double now);
  void write(std::string& out, const std::string& offerId, const Offer& offer, const Bidder& bidder) const;

  std::string masterId_;
  int port_;
  std::vector<Agent> agents_;
  std::unordered_map<std::string, uint32_t> byId_;
  std::unordered_map<std::string, Offer> offers_;
  uint64_t offersMade_ = 0;
};
