const child_process = require('child_process');
const MAX_SIZE = 1, $el = 2, _x = 3;
const { user_id } = load();
class View extends Base { render_it() {} UNSAFE_componentWillMount() {} }
function Component() {}
