#include "json.hpp"

#include <cctype>
#include <cstdlib>
#include <cstring>

using std::string;
using std::string_view;

namespace json {
namespace {

constexpr int kDeepest = 64;

void appendUtf8(string& out, uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

uint32_t hex4(string_view digits) { return static_cast<uint32_t>(strtoul(string(digits).c_str(), nullptr, 16)); }

// The characters of a string whose escapes were checked when it was read.
string unescaped(string_view text) {
  string out;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\') {
      out += text[at];
      continue;
    }
    const char escape = text[++at];
    if (escape != 'u') {
      const char* found = strchr("b\bf\fn\nr\rt\t", escape);
      out += found != nullptr ? found[1] : escape;
      continue;
    }
    uint32_t code = hex4(text.substr(at + 1, 4));
    at += 4;
    if (code >= 0xD800 && code < 0xDC00 && text.substr(at + 1, 2) == "\\u") {
      code = 0x10000 + ((code - 0xD800) << 10) + (hex4(text.substr(at + 3, 4)) - 0xDC00);
      at += 6;
    }
    appendUtf8(out, code);
  }
  return out;
}

}  // namespace

Kind Value::kind() const { return document_ == nullptr ? Kind::Absent : document_->nodes_[index_].kind; }

Value Value::operator[](string_view name) const {
  if (kind() != Kind::Object) return Value();
  for (uint32_t at = document_->nodes_[index_].first; at != 0; at = document_->nodes_[at].next)
    if (document_->nodes_[at].key == name) return Value(document_, at);
  return Value();
}

bool Value::is(string_view text) const { return kind() == Kind::String && document_->nodes_[index_].text == text; }

string Value::text() const {
  if (kind() != Kind::String) return "";
  const string_view raw = document_->nodes_[index_].text;
  return raw.find('\\') == string_view::npos ? string(raw) : unescaped(raw);
}

double Value::number(double otherwise) const {
  if (kind() != Kind::Number && kind() != Kind::String) return otherwise;
  const string digits(document_->nodes_[index_].text);
  char* end = nullptr;
  const double number = strtod(digits.c_str(), &end);
  return end == digits.c_str() || *end != '\0' ? otherwise : number;
}

string_view Value::raw() const { return kind() == Kind::Absent ? string_view() : document_->nodes_[index_].text; }

std::vector<Value> Value::items() const {
  std::vector<Value> found;
  if (kind() == Kind::Array)
    for (uint32_t at = document_->nodes_[index_].first; at != 0; at = document_->nodes_[at].next)
      found.emplace_back(document_, at);
  return found;
}

Value Document::parse(string_view text) {
  text_ = text;
  at_ = 0;
  nodes_.clear();
  nodes_.emplace_back();
  const bool good = value(0, 0);
  space();
  return good && at_ == text_.size() ? Value(this, 0) : Value();
}

bool Document::value(uint32_t into, int depth) {
  space();
  if (at_ == text_.size() || depth == kDeepest) return false;
  const size_t start = at_;
  Kind kind = Kind::Number;
  bool good = false;
  string_view characters;
  switch (text_[at_]) {
    case '{': kind = Kind::Object; good = container(into, '}', depth); break;
    case '[': kind = Kind::Array; good = container(into, ']', depth); break;
    case '"': kind = Kind::String; good = string(characters); break;
    case 't': kind = Kind::True; good = literal("true"); break;
    case 'f': kind = Kind::False; good = literal("false"); break;
    case 'n': kind = Kind::Null; good = literal("null"); break;
    default: good = number();
  }
  nodes_[into].kind = kind;
  nodes_[into].text = kind == Kind::String ? characters : text_.substr(start, at_ - start);
  return good;
}

// The members of an object or the elements of an array, as a chain of nodes.
bool Document::container(uint32_t into, char close, int depth) {
  ++at_;
  space();
  if (at_ < text_.size() && text_[at_] == close) return ++at_, true;
  uint32_t last = 0;
  while (true) {
    string_view key;
    if (close == '}') {
      space();
      if (!string(key)) return false;
      space();
      if (at_ == text_.size() || text_[at_++] != ':') return false;
    }
    const auto member = static_cast<uint32_t>(nodes_.size());
    nodes_.emplace_back();
    nodes_[member].key = key;
    (last == 0 ? nodes_[into].first : nodes_[last].next) = member;
    last = member;
    if (!value(member, depth + 1)) return false;
    space();
    if (at_ == text_.size()) return false;
    const char after = text_[at_++];
    if (after == close) return true;
    if (after != ',') return false;
  }
}

bool Document::string(string_view& into) {
  if (at_ == text_.size() || text_[at_] != '"') return false;
  const size_t start = ++at_;
  for (; at_ < text_.size(); ++at_) {
    const char each = text_[at_];
    if (each == '"') {
      into = text_.substr(start, at_++ - start);
      return true;
    }
    if (static_cast<unsigned char>(each) < 0x20) return false;
    if (each != '\\') continue;
    if (++at_ == text_.size() || strchr("\"\\/bfnrtu", text_[at_]) == nullptr) return false;
    if (text_[at_] != 'u') continue;
    for (int digit = 0; digit < 4; ++digit)
      if (++at_ == text_.size() || !isxdigit(static_cast<unsigned char>(text_[at_]))) return false;
  }
  return false;
}

bool Document::number() {
  const size_t start = at_;
  while (at_ < text_.size() && strchr("+-.0123456789eE", text_[at_]) != nullptr && text_[at_] != '\0') ++at_;
  return at_ > start;
}

bool Document::literal(string_view word) {
  if (text_.substr(at_, word.size()) != word) return false;
  at_ += word.size();
  return true;
}

void Document::space() {
  while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r'))
    ++at_;
}

void quote(std::string& out, string_view text) {
  out += '"';
  for (const char each : text) {
    const auto byte = static_cast<unsigned char>(each);
    if (each == '"' || each == '\\') {
      out += '\\';
      out += each;
    } else if (byte < 0x20) {
      static const char digits[] = "0123456789abcdef";
      out += "\\u00";
      out += digits[byte >> 4];
      out += digits[byte & 15];
    } else {
      out += each;
    }
  }
  out += '"';
}

}  // namespace json
