// The JSON that a master needs: a strict reader whose values are views into the text, and quoting for writers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace json {

enum class Kind : uint8_t { Absent, Null, False, True, Number, String, Object, Array };

class Document;

// A value of a document, valid as long as the document and its text. A missing value has the kind Absent, so that paths
// can be followed without a check at every step.
class Value {
 public:
  Value() = default;
  Value(const Document* document, uint32_t index) : document_(document), index_(index) {}

  Kind kind() const;
  explicit operator bool() const { return kind() != Kind::Absent; }
  Value operator[](std::string_view name) const;      // the member of an object
  Value operator[](const char* name) const { return (*this)[std::string_view(name)]; }
  bool is(std::string_view text) const;               // a string without escapes that reads so
  std::string text() const;                           // a string's characters; "" for all else
  double number(double otherwise) const;              // a number, or a string that holds one
  std::string_view raw() const;                       // the text it was read from
  std::vector<Value> items() const;                   // the elements of an array

 private:
  const Document* document_ = nullptr;
  uint32_t index_ = 0;
};

// A parsed text. Reused for many texts, it stops allocating memory.
class Document {
 public:
  // The value of the text, which must outlive it. Of kind Absent if the text is not JSON.
  Value parse(std::string_view text);

 private:
  friend class Value;
  struct Node {
    std::string_view key, text;
    uint32_t first = 0, next = 0;  // 0: none, as nothing points to the root
    Kind kind = Kind::Absent;
  };
  bool value(uint32_t into, int depth);
  bool container(uint32_t into, char close, int depth);
  bool string(std::string_view& into);
  bool number();
  bool literal(std::string_view word);
  void space();

  std::string_view text_;
  size_t at_ = 0;
  std::vector<Node> nodes_;
};

void quote(std::string& out, std::string_view text);  // append as a JSON string

}  // namespace json
