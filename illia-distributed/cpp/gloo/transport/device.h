// In place of a header of Gloo's that libtorch's wheel lacks: c10d hands this type from function to function behind pointers.
#pragma once

namespace gloo::transport {
class Device;
}
