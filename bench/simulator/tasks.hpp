// The tasks and their statuses: one at a time, the next after its acknowledgement, and repeated if that does not come.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "cluster.hpp"
#include "measures.hpp"

enum class State : uint8_t { Staging, Starting, Running, Killing, Finished, Failed, Killed };

const char* nameOf(State state);
inline bool isTerminal(State state) { return state >= State::Finished; }

struct NewTask {
  std::string id;
  Resources resources;
};

class Tasks {
 public:
  using Send = std::function<void(const std::string& event)>;

  // `startDelay`: seconds from a launch to the first status; `repeatAfter`: seconds until the first repetition of an
  // unacknowledged one.
  Tasks(Cluster& cluster, Measures& measures, Send send, double startDelay, double repeatAfter);
  bool saysKilling = false;  // the framework knows TASK_KILLING

  bool isKnown(const std::string& taskId) const { return byId_.count(taskId) > 0; }
  void launch(uint32_t agent, const std::string& executorId, const Resources& executor, const std::vector<NewTask>& tasks);
  bool acknowledge(const std::string& agentId, const std::string& taskId, const std::string& uuid);
  void kill(const std::string& taskId);  // with its group
  void reconcile(const std::string& taskId, const std::string& agentId);
  void reconcileAll();
  // The master's status for an unknown task.
  void deny(const std::string& taskId, const std::string& agentId, const char* state, const char* reason,
            const std::string& message);

  // For benchmarks: `count` changes of running tasks' health, `window` of them unacknowledged at a time.
  void flap(uint64_t count, uint64_t window);
  void end(uint64_t groups, State state);  // this many groups, chosen at random

  double tick();  // do what is due; returns the seconds until the next event
  std::string statesJson() const;
  std::string flapJson() const;

 private:
  struct Status {
    State state;
    int8_t healthy;  // -1: not said
  };
  struct Task {
    std::string id;
    Resources resources;
    std::vector<Status> waiting;  // behind the outstanding one
    double sentAt = 0;
    uint64_t update = 0;  // the outstanding one's number; 0: all is acknowledged
    uint32_t group = 0, place = 0;  // place: among the running
    State state = State::Staging;
    int8_t healthy = -1;
    uint8_t repeats = 0;
    bool isFlapping = false;
  };
  struct Group {
    std::string executorId;
    Resources executor;
    std::vector<uint32_t> tasks;  // those that are still there
    uint32_t agent = 0, alive = 0;
  };
  struct Due {
    double when;
    uint32_t task;
    uint64_t update;  // the one to repeat; 0: begin
    bool operator<(const Due& other) const { return when > other.when; }
  };
  struct Flap {
    uint64_t asked = 0, begun = 0, acknowledged = 0;
    double startedAt = 0, endedAt = 0;
  };

  uint32_t slot(std::vector<uint32_t>& unused, size_t size);
  void say(uint32_t task, Status status);
  void send(uint32_t task, Status status);
  void enter(uint32_t task, State state);
  void remove(uint32_t task);
  void endGroup(uint32_t group, uint32_t first, State state);
  void flapOne();
  std::string status(const Task& task, bool isUpdate) const;

  Cluster& cluster_;
  Measures& measures_;
  Send send_;
  double startDelay_, repeatAfter_;
  std::vector<Task> tasks_;
  std::vector<Group> groups_;
  std::vector<uint32_t> unusedTasks_, unusedGroups_, running_;
  std::unordered_map<std::string, uint32_t> byId_;
  std::priority_queue<Due> due_;
  std::mt19937_64 random_{1};
  uint64_t updates_ = 0, states_[7] = {};
  Flap flap_;
};
