import datetime
import logging

import scarab

from dripline.core import AlertConsumer, MsgAlert, ThrowReply

logger = logging.getLogger(__name__)


class Recorder:
    '''Something else that a service may be, with a constructor of its own.'''

    def __init__(self, length=3, **kwargs):
        self.length = length
        self.records = []

    def record(self, what):
        self.records = (self.records + [what])[-self.length :]


class ControlLoop(AlertConsumer, Recorder):
    '''Follows one value and sets another, as a controller does.'''

    def __init__(self, input_name, output_name, target=10.0, gain=0.5, **kwargs):
        self._target = target
        self._gain = gain
        self.enabled = True
        kwargs.update({'alert_keys': ['sensor_value.' + input_name]})
        AlertConsumer.__init__(self, **kwargs)
        Recorder.__init__(self, **kwargs)
        self.input_name = input_name
        self.output_name = output_name
        self.last_time = datetime.datetime.utcnow()

    def process_payload(self, a_payload, a_routing_key_data, a_message_timestamp):
        if not self.enabled:
            return
        value = a_payload['value_raw'].as_double()
        if not a_message_timestamp:
            raise ThrowReply('message_error', 'an alert without time')
        self.step(value)

    def step(self, value):
        output = self._gain * (self.target - value)
        self.set(self.output_name, output)
        self.record([value, output])
        payload = scarab.to_param({'value_raw': output, 'value_cal': 2 * output})
        self.send(MsgAlert.create(payload=payload, routing_key='sensor_value.' + self.output_name))
        return output

    @property
    def target(self):
        return self._target

    @target.setter
    def target(self, value):
        self._target = float(value)
