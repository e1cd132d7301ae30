// A simulated Mesos master for a single framework, with agents that launch whatever fits.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "cluster.hpp"
#include "http.hpp"
#include "json.hpp"
#include "measures.hpp"
#include "tasks.hpp"

struct Settings {
  Shape shape;
  double allocationInterval = 1;  // --allocation_interval
  double heartbeatInterval = 15;
  double startDelay = 0;
  double repeatAfter = 10;
};

class Master {
 public:
  Master(http::Server& server, const Settings& settings);
  void handle(http::Connection& connection, const http::Request& request);
  void closed(http::Connection& connection);
  double tick();  // do what is due; returns the seconds until the next event

 private:
  void call(http::Connection& connection, const http::Request& request);
  void subscribe(http::Connection& connection, const json::Value& call);
  int perform(const std::string& type, const json::Value& call);  // the HTTP status
  void accept(const json::Value& accept, size_t size);
  void launch(const json::Value& group, const Offer& offer, Resources& rest);
  void reject(const json::Value& group, const char* state, const char* reason, const std::string& message);
  void decline(const json::Value& decline);
  void giveBack(const Offer& offer, const Resources& rest, const json::Value& filters);
  void revive(const json::Value& roles);
  void update(const json::Value& call);
  void setRoles(const json::Value& info, const json::Value& suppressed);
  void allocate();
  void send(const std::string& event);
  void problem(const std::string& kind);
  std::set<std::string> rolesOf(const json::Value& roles) const;
  bool control(const json::Value& order);
  std::string stats() const;

  http::Server& server_;
  Settings settings_;
  std::string id_;
  Measures measures_;
  Cluster cluster_;
  Tasks tasks_;
  json::Document document_;

  // The framework.
  Bidder bidder_;
  std::set<std::string> roles_, suppressed_;
  http::Connection* stream_ = nullptr;
  std::string streamId_;
  uint64_t streams_ = 0;
  double heartbeatAt_ = 0, allocateAt_ = 0;
};
