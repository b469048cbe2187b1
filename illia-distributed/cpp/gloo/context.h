// In place of a header of Gloo's that libtorch's wheel lacks: what c10d's headers say of these types, which stand only behind
// pointers. No function here is defined or called by us.
#pragma once

#include <chrono>

namespace gloo {
namespace transport {
class UnboundBuffer;
}
class Context {
 public:
  void setTimeout(std::chrono::milliseconds timeout);
};
}  // namespace gloo
