#include "cluster.hpp"

#include <algorithm>

#include "measures.hpp"

using std::string;

Cluster::Cluster(const Shape& shape, const string& masterId, int port) : masterId_(masterId), port_(port) {
  agents_.resize(shape.agents);
  for (uint32_t number = 0; number < shape.agents; ++number) {
    Agent& agent = agents_[number];
    agent.id = masterId + "-S" + std::to_string(number);
    const string host = "agent-" + std::to_string(number) + ".example";
    agent.about = ",\"agent_id\":{\"value\":\"" + agent.id + "\"},\"hostname\":\"" + host +
                  "\",\"url\":{\"scheme\":\"http\",\"address\":{\"hostname\":\"127.0.0.1\",\"ip\":\"127.0.0.1\",\"port\":" +
                  std::to_string(port) + "},\"path\":\"/slave(" + std::to_string(number) + ")\"}";
    agent.free = shape.resources;
    byId_[agent.id] = number;
  }
}

int64_t Cluster::find(const string& agentId) const {
  const auto found = byId_.find(agentId);
  return found == byId_.end() ? -1 : int64_t(found->second);
}

string Cluster::list() const {
  string out = "{\"slaves\":[";
  for (size_t number = 0; number < agents_.size(); ++number) {
    if (number > 0) out += ',';
    out += "{\"id\":\"" + agents_[number].id + "\",\"pid\":\"slave(" + std::to_string(number) + ")@127.0.0.1:" +
           std::to_string(port_) + "\",\"active\":true}";
  }
  return out + "]}";
}

size_t Cluster::allocate(const Bidder& bidder, string& event) {
  std::vector<Offer*> made;
  if (bidder.roles.empty()) return 0;
  const double now = monotonic();
  event = "{\"type\":\"OFFERS\",\"offers\":{\"offers\":[";
  for (uint32_t number = 0; number < agents_.size(); ++number) {
    Agent& agent = agents_[number];
    const string* role = agent.free.isAllocatable() ? roleFor(agent, bidder, now) : nullptr;
    if (role == nullptr) continue;
    const string id = masterId_ + "-O" + std::to_string(offersMade_++);
    Offer& offer = offers_[id];
    offer.agent = number;
    offer.role = *role;
    std::swap(offer.resources, agent.free);
    if (!made.empty()) event += ',';
    write(event, id, offer, bidder);
    made.push_back(&offer);
  }
  event += "]}}";
  const double sent = monotonic();
  for (Offer* offer : made) offer->sentAt = sent;
  return made.size();
}

// The roles that have not refused the agent's resources take turns.
const string* Cluster::roleFor(Agent& agent, const Bidder& bidder, double now) {
  auto& refusals = agent.refusals;
  refusals.erase(std::remove_if(refusals.begin(), refusals.end(), [&](const Refusal& each) { return each.until <= now; }),
                 refusals.end());
  for (size_t turn = 0; turn < bidder.roles.size(); ++turn) {
    const string& role = bidder.roles[(offersMade_ + turn) % bidder.roles.size()];
    const bool isRefused = std::any_of(refusals.begin(), refusals.end(), [&](const Refusal& each) {
      return each.role == role && each.resources.contains(agent.free);
    });
    if (!isRefused) return &role;
  }
  return nullptr;
}

void Cluster::write(string& out, const string& offerId, const Offer& offer, const Bidder& bidder) const {
  out += "{\"id\":{\"value\":\"" + offerId + "\"},\"framework_id\":{\"value\":\"" + bidder.frameworkId + "\"}";
  out += agents_[offer.agent].about;
  out += ",\"resources\":";
  offer.resources.write(out, offer.role, bidder.isRefined);
  out += ",\"allocation_info\":{\"role\":";
  json::quote(out, offer.role);
  out += "}}";
}

bool Cluster::claim(const string& offerId, Offer& into) {
  const auto found = offers_.find(offerId);
  if (found == offers_.end()) return false;
  into = std::move(found->second);
  offers_.erase(found);
  return true;
}

void Cluster::rescindAll() {
  for (const auto& [id, offer] : offers_) agents_[offer.agent].free.add(offer.resources);
  offers_.clear();
}

void Cluster::recover(uint32_t agent, const Resources& unused) { agents_[agent].free.add(unused); }

void Cluster::refuse(uint32_t agent, const string& role, const Resources& unused, double until) {
  agents_[agent].refusals.push_back({role, unused, until});
}

void Cluster::forgetRefusals(const std::set<string>& roles) {
  for (Agent& agent : agents_) {
    auto& refusals = agent.refusals;
    refusals.erase(std::remove_if(refusals.begin(), refusals.end(),
                                  [&](const Refusal& each) { return roles.count(each.role) > 0; }),
                   refusals.end());
  }
}
