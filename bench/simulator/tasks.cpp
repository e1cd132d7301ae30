#include "tasks.hpp"

#include <algorithm>
#include <cstdio>

using std::string;

namespace {

constexpr double kLongestRepeat = 600;  // as agents'
const char* const kStates[] = {"TASK_STAGING",  "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING",
                               "TASK_FINISHED", "TASK_FAILED",   "TASK_KILLED"};

// 16 bytes in base64, different for every number.
string uuid(uint64_t number) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  uint64_t halves[2] = {number * 0x9E3779B97F4A7C15ull, ~number * 0xBF58476D1CE4E5B9ull};
  const auto* bytes = reinterpret_cast<const unsigned char*>(halves);
  string text;
  for (int at = 0; at < 15; at += 3) {
    const uint32_t three = uint32_t(bytes[at]) << 16 | uint32_t(bytes[at + 1]) << 8 | bytes[at + 2];
    for (int shift = 18; shift >= 0; shift -= 6) text += digits[three >> shift & 63];
  }
  text += digits[bytes[15] >> 2];
  text += digits[(bytes[15] & 3) << 4];
  return text + "==";
}

void member(string& out, const char* name, const string& value) {
  out += string(",\"") + name + "\":{\"value\":";
  json::quote(out, value);
  out += '}';
}

string timestamp() {
  char text[40];
  snprintf(text, sizeof text, ",\"timestamp\":%.6f", wallClock());
  return text;
}

}  // namespace

const char* nameOf(State state) { return kStates[static_cast<size_t>(state)]; }

Tasks::Tasks(Cluster& cluster, Measures& measures, Send send, double startDelay, double repeatAfter)
    : cluster_(cluster),
      measures_(measures),
      send_(std::move(send)),
      startDelay_(startDelay),
      repeatAfter_(repeatAfter) {}

void Tasks::launch(uint32_t agent, const string& executorId, const Resources& executor,
                   const std::vector<NewTask>& tasks) {
  const uint32_t group = slot(unusedGroups_, groups_.size());
  if (group == groups_.size()) groups_.emplace_back();
  groups_[group] = {executorId, executor, {}, agent, static_cast<uint32_t>(tasks.size())};
  const double when = monotonic() + startDelay_;
  for (const NewTask& each : tasks) {
    const uint32_t task = slot(unusedTasks_, tasks_.size());
    if (task == tasks_.size()) tasks_.emplace_back();
    tasks_[task] = Task();
    tasks_[task].id = each.id;
    tasks_[task].resources = each.resources;
    tasks_[task].group = group;
    groups_[group].tasks.push_back(task);
    byId_[each.id] = task;
    ++states_[0];
    if (startDelay_ > 0) due_.push({when, task, 0});
  }
  if (startDelay_ > 0) return;
  for (const uint32_t task : groups_[group].tasks) {
    say(task, {State::Starting, -1});
    say(task, {State::Running, -1});
  }
}

uint32_t Tasks::slot(std::vector<uint32_t>& unused, size_t size) {
  if (unused.empty()) return static_cast<uint32_t>(size);
  const uint32_t found = unused.back();
  unused.pop_back();
  return found;
}

// Send a new status of an agent now, or after the ones that are not acknowledged yet.
void Tasks::say(uint32_t task, Status status) {
  if (tasks_[task].update != 0) tasks_[task].waiting.push_back(status);
  else send(task, status);
}

void Tasks::send(uint32_t number, Status status) {
  enter(number, status.state);
  Task& task = tasks_[number];
  task.healthy = status.healthy;
  task.update = ++updates_;
  task.repeats = 0;
  task.sentAt = monotonic();
  ++measures_.updatesSent;
  ++measures_.updatesOutstanding;
  send_(this->status(task, true));
  due_.push({task.sentAt + repeatAfter_, number, task.update});
}

// Count the state. An end frees the task's resources, and the group's last end also the executor's.
void Tasks::enter(uint32_t number, State state) {
  Task& task = tasks_[number];
  if (task.state == state) return;
  --states_[static_cast<size_t>(task.state)];
  ++states_[static_cast<size_t>(state)];
  if (task.state == State::Running) {
    tasks_[running_.back()].place = task.place;
    running_[task.place] = running_.back();
    running_.pop_back();
  }
  task.state = state;
  if (state == State::Running) {
    task.place = static_cast<uint32_t>(running_.size());
    running_.push_back(number);
  }
  if (!isTerminal(state)) return;
  Group& group = groups_[task.group];
  cluster_.recover(group.agent, task.resources);
  if (--group.alive == 0) cluster_.recover(group.agent, group.executor);
}

bool Tasks::acknowledge(const string& agentId, const string& taskId, const string& text) {
  const auto found = byId_.find(taskId);
  if (found == byId_.end()) return false;
  const uint32_t number = found->second;
  Task& task = tasks_[number];
  if (task.update == 0 || uuid(task.update) != text) return false;
  if (cluster_.agentId(groups_[task.group].agent) != agentId) return false;
  measures_.lastAcknowledgedAt = monotonic();
  measures_.acknowledge.push_back(static_cast<float>(measures_.lastAcknowledgedAt - task.sentAt));
  ++measures_.updatesAcknowledged;
  --measures_.updatesOutstanding;
  task.update = 0;
  if (task.isFlapping) {
    task.isFlapping = false;
    if (++flap_.acknowledged == flap_.asked) flap_.endedAt = measures_.lastAcknowledgedAt;
    flapOne();
  }
  if (isTerminal(task.state)) {
    remove(number);
  } else if (task.update == 0 && !task.waiting.empty()) {
    const Status next = task.waiting.front();
    task.waiting.erase(task.waiting.begin());
    send(number, next);
  }
  return true;
}

void Tasks::remove(uint32_t number) {
  Task& task = tasks_[number];
  --states_[static_cast<size_t>(task.state)];
  byId_.erase(task.id);
  const uint32_t of = task.group;
  Group& group = groups_[of];
  group.tasks.erase(std::find(group.tasks.begin(), group.tasks.end(), number));
  unusedTasks_.push_back(number);
  if (!group.tasks.empty()) return;
  string event = "{\"type\":\"FAILURE\",\"failure\":{\"agent_id\":{\"value\":\"" + cluster_.agentId(group.agent) + "\"}";
  member(event, "executor_id", group.executorId);
  send_(event + ",\"status\":0}}");
  unusedGroups_.push_back(of);
}

void Tasks::kill(const string& taskId) {
  const uint32_t task = byId_.at(taskId);
  endGroup(tasks_[task].group, task, State::Killed);
}

// End one task of the group in this state; the executor kills the others.
void Tasks::endGroup(uint32_t group, uint32_t first, State state) {
  const std::vector<uint32_t> tasks = groups_[group].tasks;
  for (const uint32_t number : tasks) {
    const Task& task = tasks_[number];
    const bool isEnding = isTerminal(task.state) || (!task.waiting.empty() && isTerminal(task.waiting.back().state));
    if (isEnding) continue;
    const State end = number == first ? state : State::Killed;
    if (end == State::Killed && saysKilling) say(number, {State::Killing, -1});
    say(number, {end, -1});
  }
}

void Tasks::reconcile(const string& taskId, const string& agentId) {
  const auto found = byId_.find(taskId);
  if (found != byId_.end()) {
    send_(status(tasks_[found->second], false));
    return;
  }
  const bool isAgentKnown = cluster_.find(agentId) >= 0;
  deny(taskId, agentId, isAgentKnown ? "TASK_GONE" : "TASK_UNKNOWN", "REASON_RECONCILIATION",
       "Reconciliation: Task is unknown");
}

void Tasks::reconcileAll() {
  for (const auto& [id, task] : byId_) send_(status(tasks_[task], false));
}

void Tasks::deny(const string& taskId, const string& agentId, const char* state, const char* reason,
                 const string& message) {
  string event = "{\"type\":\"UPDATE\",\"update\":{\"status\":{\"task_id\":{\"value\":";
  json::quote(event, taskId);
  event += string("},\"state\":\"") + state + "\",\"source\":\"SOURCE_MASTER\",\"reason\":\"" + reason + "\",\"message\":";
  json::quote(event, message);
  if (!agentId.empty()) member(event, "agent_id", agentId);
  send_(event + timestamp() + "}}}");
}

// A status from the agent, to be acknowledged, or one that the master repeats on request.
string Tasks::status(const Task& task, bool isUpdate) const {
  const Group& group = groups_[task.group];
  string event = "{\"type\":\"UPDATE\",\"update\":{\"status\":{\"task_id\":{\"value\":";
  json::quote(event, task.id);
  event += string("},\"state\":\"") + nameOf(task.state) + "\",\"source\":\"";
  event += isUpdate ? "SOURCE_EXECUTOR\"" : "SOURCE_MASTER\",\"reason\":\"REASON_RECONCILIATION\"";
  member(event, "agent_id", cluster_.agentId(group.agent));
  if (isUpdate) member(event, "executor_id", group.executorId);
  event += timestamp();
  if (isUpdate) event += ",\"uuid\":\"" + uuid(task.update) + "\"";
  if (task.healthy >= 0) event += task.healthy != 0 ? ",\"healthy\":true" : ",\"healthy\":false";
  event +=
      ",\"container_status\":{\"network_infos\":[{\"ip_addresses\":[{\"protocol\":\"IPv4\",\"ip_address\":\"127.0.0.1\"}]"
      "}]}";
  return event + "}}}";
}

void Tasks::flap(uint64_t count, uint64_t window) {
  flap_ = {count, 0, 0, monotonic(), 0};
  window = std::min<uint64_t>(window, std::max<uint64_t>(1, running_.size() / 2));
  for (uint64_t at = 0; at < window; ++at) flapOne();
}

// Change the health of a running task that has no unacknowledged status.
void Tasks::flapOne() {
  if (flap_.begun == flap_.asked || running_.empty()) return;
  for (size_t tries = 0; tries < 1000; ++tries) {
    const uint32_t number = running_[random_() % running_.size()];
    Task& task = tasks_[number];
    if (task.update != 0) continue;
    ++flap_.begun;
    task.isFlapping = true;
    send(number, {State::Running, static_cast<int8_t>(task.healthy == 1 ? 0 : 1)});
    return;
  }
}

void Tasks::end(uint64_t groups, State state) {
  for (uint64_t at = 0; at < groups && !running_.empty(); ++at) {
    const uint32_t task = running_[random_() % running_.size()];
    endGroup(tasks_[task].group, task, state);
  }
}

double Tasks::tick() {
  const double now = monotonic();
  while (!due_.empty() && due_.top().when <= now) {
    const Due due = due_.top();
    due_.pop();
    Task& task = tasks_[due.task];
    if (due.update == 0) {
      if (task.state != State::Staging || task.update != 0) continue;  // killed meanwhile
      say(due.task, {State::Starting, -1});
      say(due.task, {State::Running, -1});
    } else if (task.update == due.update) {
      ++measures_.updatesRepeated;
      send_(status(task, true));
      due_.push({now + std::min(kLongestRepeat, repeatAfter_ * (2 << task.repeats)), due.task, due.update});
      task.repeats = static_cast<uint8_t>(std::min(task.repeats + 1, 10));
    }
  }
  return due_.empty() ? 60 : std::max(0.0, due_.top().when - now);
}

string Tasks::statesJson() const {
  std::map<string, uint64_t> found;
  for (size_t state = 0; state < std::size(kStates); ++state)
    if (states_[state] > 0) found[kStates[state]] = states_[state];
  return counts(found);
}

string Tasks::flapJson() const {
  return Object()
      .add("asked", flap_.asked)
      .add("begun", flap_.begun)
      .add("acknowledged", flap_.acknowledged)
      .add("started_at", flap_.startedAt)
      .add("ended_at", flap_.endedAt)
      .text();
}
