// In place of a header of Gloo's that libtorch's wheel lacks: c10d's headers name it and use nothing of it.
#pragma once
