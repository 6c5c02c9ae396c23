# SPDX-License-Identifier: Apache-2.0
# To be sourced: puts the built workspace into the environment. Needs `tools/setup` to have run.

_genima_root=$(dirname -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")")

# Where ROS 2 itself is sourced, it stays underneath; elsewhere it comes from the wheels.
if ! { [[ -n ${ROS_DISTRO:-} ]] && type -P ros2 >/dev/null; }; then
  export AMENT_PREFIX_PATH=$_genima_root/.venv
  export PATH=$_genima_root/.venv/bin:$PATH
fi
set +u # colcon's scripts read variables that may be unset
source "$_genima_root/install/setup.bash"

# Rendering needs no screen, and nodes on this machine alone should find one another.
export MUJOCO_GL=${MUJOCO_GL:-egl}
export PYOPENGL_PLATFORM=${PYOPENGL_PLATFORM:-egl}
export ROS_AUTOMATIC_DISCOVERY_RANGE=${ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST}

# Several processes share the cores: none may take them all for one matrix product.
if [[ -z ${OMP_NUM_THREADS:-} ]]; then
  _genima_cores=$(nproc)
  export OMP_NUM_THREADS=$((_genima_cores > 8 ? 4 : (_genima_cores + 1) / 2))
  unset _genima_cores
fi
# Software rendering beside a 50 Hz controller: one thread, whatever the number of cores.
export LP_NUM_THREADS=${LP_NUM_THREADS:-1}
unset _genima_root
